using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;

namespace Bramble.Api.Cel;

/// <summary>JSON as CEL sees it: objects and lists stay as they are and are read where an expression looks; a declaration says what texts with a format mean. Behaviour of UnstructuredToVal.</summary>
internal static class CelJson
{
    public static object? Of(JsonNode? node, CelDeclaration? declaration)
    {
        if (declaration is null) return Plain(node);
        if (node is null) return declaration.IsNullable ? null : new CelFault("invalid data, got null for schema with nullable=false");
        var kind = node.GetValueKind();
        switch (declaration.Form)
        {
            case CelForm.IntOrString:
                return kind == JsonValueKind.String || Plain(node) is long ? Plain(node) : new CelFault("invalid data, expected XIntOrString value to be either a string or integer");
            case CelForm.Object or CelForm.Map:
                return node is JsonObject map ? new CelJsonMap(map, declaration) : new CelFault("invalid data, expected a map for the provided schema with type=object");
            case CelForm.List:
                return node is JsonArray list ? new CelJsonList(list, declaration) : new CelFault("invalid data, expected an array for the provided schema with type=array");
            case CelForm.Text:
                return kind == JsonValueKind.String ? Text(node.GetValue<string>(), declaration.Format) : new CelFault($"invalid data, expected string, got {GoType(node)}");
            case CelForm.Number:
                return Plain(node) switch { long whole => (double)whole, double number => number, _ => new CelFault($"invalid data, expected float, got {GoType(node)}") };
            case CelForm.Integer:
                return Plain(node) is long integer ? integer : new CelFault($"invalid data, expected int, got {GoType(node)}");
            case CelForm.Boolean:
                return Plain(node) is bool flag ? flag : new CelFault($"invalid data, expected bool, got {GoType(node)}");
            default:
                return Plain(node);
        }
    }

    private static string GoType(JsonNode node) => Plain(node) switch { string => "string", bool => "bool", long => "int64", double => "float64", CelMap => "map[string]interface {}", _ => "[]interface {}" };

    private static object? Plain(JsonNode? node) => node switch
    {
        null => null,
        JsonObject map => new CelJsonMap(map, null),
        JsonArray list => new CelJsonList(list, null),
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.String => value.GetValue<string>(),
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Number when value.TryGetValue<long>(out var whole) => whole,
            JsonValueKind.Number when value.TryGetValue<int>(out var small) => (long)small,
            JsonValueKind.Number => (object)double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture),
            _ => null,
        },
        _ => null,
    };

    private static object Text(string text, string format)
    {
        switch (format)
        {
            case "duration":
                return GoDuration.Parse(text) is { } nanos ? new CelDuration(nanos) : new CelFault($"Invalid duration {text}: {GoDuration.Error(text)}");
            case "date":
                return DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
                    ? CelConversions.ToTimestamp($"{day:yyyy-MM-dd}T00:00:00Z")! : new CelFault($"Invalid date formatted string {text}: cannot parse");
            case "date-time":
                return CelConversions.ToTimestamp(text) ?? new CelFault($"Invalid date-time formatted string {text}: cannot parse");
            case "byte":
                var bytes = new byte[text.Length];
                return Convert.TryFromBase64String(text, bytes, out var length) ? bytes[..length] : new CelFault($"Invalid byte formatted string {text}: illegal base64 data");
            default:
                return text;
        }
    }

    /// <summary>A value that an expression made, as JSON.</summary>
    /// <param name="error">Why it cannot be one.</param>
    public static JsonNode? ToJson(object? value, out string? error)
    {
        error = null;
        switch (value)
        {
            case null: return null;
            case bool flag: return flag;
            case long number: return number;
            case ulong number: return number;
            case double number: return number;
            case string text: return text;
            case byte[] bytes: return Convert.ToBase64String(bytes);
            case CelDuration or CelTimestamp: return (string)CelConversions.ToText(value)!;
            case CelOptional optional: return optional.HasValue ? ToJson(optional.Value, out error) : null;
            case CelJsonMap map: return map.Tree.DeepClone();
            case CelJsonList { Array: { } array }: return array.DeepClone();
            case CelMap map:
                var tree = new JsonObject();
                foreach (var key in map.Keys)
                {
                    if (key is not string name)
                    {
                        error = $"map key {CelValues.Show(key)} is of type {CelValues.TypeName(key)}, not string";
                        return null;
                    }
                    map.TryGet(key, out var member);
                    tree[name] = ToJson(member, out error);
                    if (error is not null) return null;
                }
                return tree;
            case IReadOnlyList<object?> list:
                var items = new JsonArray();
                foreach (var item in list)
                {
                    items.Add(ToJson(item, out error));
                    if (error is not null) return null;
                }
                return items;
            default:
                return CelConversions.ToText(value) is string shown ? shown : value.ToString();
        }
    }
}

/// <summary>A JSON object: with a declaration its fields are those declared, by their escaped names.</summary>
internal sealed class CelJsonMap(JsonObject tree, CelDeclaration? declaration) : CelMap
{
    public JsonObject Tree => tree;
    public CelDeclaration? Declaration => declaration;

    public override int Count => declaration is { IsObject: true } ? Keys.Count() : tree.Count;

    public override IEnumerable<object?> Keys => declaration is { IsObject: true } type
        ? tree.Select(m => m.Key).Select(type.EscapedName).Where(name => name is not null)
        : tree.Select(m => (object?)m.Key);

    public override bool TryGet(object? key, out object? value)
    {
        value = null;
        if (key is not string name) return false;
        var type = declaration?.Element;
        if (declaration is { IsObject: true })
        {
            if (!declaration.TryField(name, out var json, out type)) return false;
            name = json;
        }
        // A field that is null is none; values of maps may be null.
        if (!tree.TryGetPropertyValue(name, out var node) || node is null && declaration is { IsObject: true } && type is { IsNullable: true }) return false;
        value = CelJson.Of(node, type);
        return true;
    }

    /// <summary>Of two objects: also by what nothing is declared of.</summary>
    public static bool AreEqual(CelJsonMap a, CelJsonMap b)
    {
        if (a.Tree.Count != b.Tree.Count) return false;
        foreach (var (json, node) in a.Tree)
        {
            var name = a.Declaration!.EscapedName(json);
            if (name is not null && node is not null ? !a.TryGet(name, out var own) || !b.TryGet(name, out var other) || !CelValues.AreEqual(own, other)
                : !b.Tree.TryGetPropertyValue(json, out var theirs) || !JsonNode.DeepEquals(node, theirs)) return false;
        }
        return true;
    }
}

/// <summary>A JSON list. Lists that are sets or have keys are equal whatever their order, and adding to them adds what is not there.</summary>
internal sealed class CelJsonList : IReadOnlyList<object?>
{
    private readonly object?[] _items;
    private readonly CelDeclaration? _declaration;

    public CelJsonList(JsonArray array, CelDeclaration? declaration)
    {
        (Array, _declaration) = (array, declaration);
        _items = new object?[array.Count];
        for (var i = 0; i < _items.Length; i++) _items[i] = CelJson.Of(array[i], declaration?.Element);
    }

    /// <summary>What is shown whole again; null after an addition.</summary>
    public JsonArray? Array { get; private init; }

    private CelJsonList(object?[] items, CelDeclaration declaration) => (_items, _declaration) = (items, declaration);

    public int Count => _items.Length;
    public object? this[int index] => _items[index];

    public IEnumerator<object?> GetEnumerator() => ((IEnumerable<object?>)_items).GetEnumerator();

    System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();

    public static bool AreEqual(IReadOnlyList<object?> a, IReadOnlyList<object?> b)
    {
        if (a.Count != b.Count) return false;
        if (((a as CelJsonList)?._declaration ?? (b as CelJsonList)?._declaration) is { HasIdentity: true } type)
            return a.All(item => b.Any(other => type.AreSame(item, other) && CelValues.AreEqual(item, other)));
        for (var i = 0; i < a.Count; i++)
            if (!CelValues.AreEqual(a[i], b[i])) return false;
        return true;
    }

    public static IReadOnlyList<object?> Concat(IReadOnlyList<object?> a, IReadOnlyList<object?> b)
    {
        if (a is not CelJsonList { _declaration: { HasIdentity: true } type }) return [.. a, .. b];
        var items = a.ToList();
        foreach (var item in b)
        {
            var at = items.FindIndex(own => type.AreSame(own, item));
            if (at < 0) items.Add(item);
            else items[at] = item;
        }
        return new CelJsonList([.. items], type);
    }
}
