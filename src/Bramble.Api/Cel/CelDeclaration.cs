using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.CustomResources;

namespace Bramble.Api.Cel;

internal enum CelForm { Any, IntOrString, Object, Map, List, Text, Number, Integer, Boolean }

/// <summary>What CEL knows of a value that a schema describes: its type, its fields, and how large it may be (which costs are estimated from). Source: apiserver/pkg/cel/common SchemaDeclType.</summary>
public sealed class CelDeclaration
{
    private const long RequestBytesMax = 3 * 1024 * 1024;

    private static readonly HashSet<string> Reserved = new(StringComparer.Ordinal)
    {
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
    };

    private readonly Dictionary<string, (string Json, CelDeclaration Type)> _fields = new(StringComparer.Ordinal);
    private IReadOnlyList<string>? _keys;

    internal CelType Type { get; private init; } = CelType.Dyn;
    internal CelForm Form { get; init; }
    internal string Format { get; init; } = "";
    internal bool IsNullable { get; init; }

    /// <summary>Of a list or a map.</summary>
    internal CelDeclaration? Element { get; init; }

    /// <summary>Characters, items or entries at most.</summary>
    internal long ElementsMax { get; init; }

    /// <summary>Characters of a map's key at most, where that is known.</summary>
    internal long KeyMax { get; init; }

    /// <summary>Bytes of JSON at least.</summary>
    internal long BytesMin { get; private set; }

    internal bool IsObject => Form == CelForm.Object;

    /// <summary>A list whose items can be told apart: a set, or one with keys.</summary>
    internal bool HasIdentity => _keys is not null;

    internal IEnumerable<(string Name, CelDeclaration Type)> Fields => _fields.Select(f => (f.Key, f.Value.Type));

    internal IEnumerable<CelDeclaration> Parts => Element is null ? _fields.Values.Select(f => f.Type) : [Element];

    /// <summary>The declaration of a structural schema; null: it says nothing that CEL could know.</summary>
    /// <param name="isRoot">A whole object: kind, apiVersion and a name are always known.</param>
    public static CelDeclaration? Of(JsonObject schema, bool isRoot) => Of(schema, isRoot, "selfType");

    /// <summary>The declaration one step down: a property, the items or the values.</summary>
    public CelDeclaration? Below(string property) => Escape(property) is { } name && _fields.TryGetValue(name, out var field) ? field.Type : null;

    public CelDeclaration? BelowItems() => Element;

    /// <summary>How often data of this form can be in one request at most.</summary>
    public long CardinalityMax => RequestBytesMax / (BytesMin + 1);

    internal bool TryField(string name, out string json, out CelDeclaration? type)
    {
        // A word of the language may stand as it is since 1.31: self.namespace is self.__namespace__.
        var isThere = _fields.TryGetValue(name, out var field) || Reserved.Contains(name) && _fields.TryGetValue($"__{name}__", out field);
        (json, type) = field;
        return isThere;
    }

    internal object? EscapedName(string json) => Escape(json) is { } name && _fields.ContainsKey(name) ? name : null;

    internal bool AreSame(object? a, object? b)
    {
        if (_keys!.Count == 0) return CelValues.AreEqual(a, b);
        if (a is not CelMap left || b is not CelMap right) return false;
        foreach (var key in _keys)
        {
            left.TryGet(key, out var own);
            right.TryGet(key, out var other);
            if (!CelValues.AreEqual(own, other)) return false;
        }
        return true;
    }

    /// <summary>A struct declared by hand: <c>request</c>, <c>namespaceObject</c>.</summary>
    internal static CelDeclaration Struct(string name, params (string Name, CelDeclaration Type)[] fields)
    {
        var made = new CelDeclaration { Type = CelType.Struct(name), Form = CelForm.Object };
        foreach (var (field, type) in fields) made._fields[field] = (field, type);
        return made;
    }

    internal static CelDeclaration Simple(CelType type, CelDeclaration? element = null) => new() { Type = type, Element = element, ElementsMax = -1 };

    internal static CelDeclaration Sized(CelType type, long max) => new() { Type = type, ElementsMax = max };

    internal static CelDeclaration MapOf(CelDeclaration element, long max, long keyMax) =>
        new() { Type = CelType.Map(CelType.String, element.Type), Form = CelForm.Map, Element = element, ElementsMax = max, KeyMax = keyMax };

    internal static CelDeclaration? Of(JsonObject schema, bool isRoot, string name)
    {
        var isNullable = StructuralSchema.IsTrue(schema, "nullable");
        var longest = Whole(schema, "maxLength") is { } given ? Math.Max(0, given) : (long?)null;
        if (StructuralSchema.IsTrue(schema, "x-kubernetes-int-or-string"))
            return new CelDeclaration { Type = CelType.Dyn, Form = CelForm.IntOrString, IsNullable = isNullable, BytesMin = 1, ElementsMax = longest * 4 ?? RequestBytesMax - 2 };
        switch (StructuralSchema.Text(schema, "type"))
        {
            case "array":
                if (schema["items"] is not JsonObject items || Of(items, IsEmbedded(items), $"{name}.@idx") is not { } item) return null;
                return new CelDeclaration
                {
                    Type = CelType.List(item.Type),
                    Form = CelForm.List,
                    IsNullable = isNullable,
                    Element = item,
                    BytesMin = 2,
                    ElementsMax = Whole(schema, "maxItems") is { } most ? Math.Max(0, most) : (RequestBytesMax - 2) / (item.BytesMin + 1),
                    _keys = StructuralSchema.Text(schema, "x-kubernetes-list-type") switch
                    {
                        "set" => [],
                        "map" when schema["x-kubernetes-list-map-keys"] is JsonArray keys => [.. keys.Select(k => Escape((string)k!) ?? "")],
                        _ => null,
                    },
                };
            case "object":
                return OfObject(schema, isRoot, name, isNullable);
            case "string":
                return OfText(schema, isNullable, longest);
            case "boolean":
                return new CelDeclaration { Type = CelType.Bool, Form = CelForm.Boolean, IsNullable = isNullable, BytesMin = 4 };
            case "number":
                return new CelDeclaration { Type = CelType.Double, Form = CelForm.Number, IsNullable = isNullable, BytesMin = 1 };
            case "integer":
                return new CelDeclaration { Type = CelType.Int, Form = CelForm.Integer, IsNullable = isNullable, BytesMin = 1 };
            default:
                return null;
        }
    }

    private static CelDeclaration? OfObject(JsonObject schema, bool isRoot, string name, bool isNullable)
    {
        if (schema["additionalProperties"] is JsonObject values)
        {
            if (Of(values, IsEmbedded(values), $"{name}.@elem") is not { } value) return null;
            return new CelDeclaration
            {
                Type = CelType.Map(CelType.String, value.Type),
                Form = CelForm.Map,
                IsNullable = isNullable,
                Element = value,
                BytesMin = 2,
                ElementsMax = Whole(schema, "maxProperties") is { } most ? Math.Max(0, most) : (RequestBytesMax - 2) / (value.BytesMin + 6),
            };
        }
        var made = new CelDeclaration { Type = CelType.Struct(name), Form = CelForm.Object, IsNullable = isNullable, BytesMin = 2 };
        var required = schema["required"] is JsonArray list ? list.Select(r => (string)r!).ToHashSet(StringComparer.Ordinal) : [];
        foreach (var (property, type) in Properties(schema, isRoot))
        {
            var escaped = Escape(property);
            if (Of(type, IsEmbedded(type), $"{name}.{escaped}") is not { } field) continue;
            if (escaped is not null) made._fields[escaped] = (property, field);
            if (required.Contains(property) && type["default"] is null) made.BytesMin += Encoding.UTF8.GetByteCount(property) + field.BytesMin + 4;
        }
        return made;
    }

    private static CelDeclaration OfText(JsonObject schema, bool isNullable, long? longest)
    {
        var format = StructuralSchema.Text(schema, "format");
        var (type, least, most) = format switch
        {
            "byte" => (CelType.Bytes, 2, longest ?? RequestBytesMax - 2),
            "duration" => (CelType.Duration, 3, 32L),
            "date" => (CelType.Timestamp, 12, 12L),
            "date-time" => (CelType.Timestamp, 21, 32L),
            _ => (CelType.String, 2, longest * 4 ?? EnumLength(schema) ?? RequestBytesMax - 2),
        };
        return new CelDeclaration { Type = type, Form = CelForm.Text, Format = format, IsNullable = isNullable, BytesMin = least, ElementsMax = most };
    }

    private static long? EnumLength(JsonObject schema) => schema["enum"] is JsonArray { Count: > 0 } values
        ? values.Max(v => v is JsonValue value && value.TryGetValue<string>(out var text) ? Encoding.UTF8.GetByteCount(text) : 0)
        : null;

    private static IEnumerable<(string Name, JsonObject Schema)> Properties(JsonObject schema, bool isRoot)
    {
        var properties = schema["properties"] as JsonObject ?? [];
        isRoot &= !DescribesObject(properties);
        var text = new JsonObject { ["type"] = "string" };
        foreach (var (name, property) in properties)
            if (property is JsonObject type && (!isRoot || name is not ("kind" or "apiVersion" or "metadata"))) yield return (name, type);
        if (!isRoot) yield break;
        yield return ("kind", text);
        yield return ("apiVersion", text);
        yield return ("metadata", new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { ["name"] = text.DeepClone(), ["generateName"] = text.DeepClone() } });
    }

    /// <summary>It says itself what every object has, and perhaps more of the metadata.</summary>
    private static bool DescribesObject(JsonObject properties)
    {
        bool Is(JsonNode? property, string type) => property is JsonObject known && StructuralSchema.Text(known, "type") == type;
        return Is(properties["kind"], "string") && Is(properties["apiVersion"], "string") && Is(properties["metadata"], "object")
            && properties["metadata"]!["properties"] is JsonObject metadata && Is(metadata["name"], "string") && Is(metadata["generateName"], "string");
    }

    private static bool IsEmbedded(JsonObject schema) => StructuralSchema.IsTrue(schema, "x-kubernetes-embedded-resource");

    private static long? Whole(JsonObject schema, string name) => schema[name] is JsonValue value && value.TryGetValue<long>(out var number) ? number : schema[name] is JsonValue small && small.TryGetValue<int>(out var n) ? n : null;

    /// <summary>A property's name as an expression writes it; null: it cannot be written.</summary>
    internal static string? Escape(string name)
    {
        if (name.Length == 0 || char.IsAsciiDigit(name[0])) return null;
        if (Reserved.Contains(name)) return $"__{name}__";
        var escaped = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
            if (name[i] == '_' && i + 1 < name.Length && name[i + 1] == '_')
            {
                escaped.Append("__underscores__");
                i++;
            }
            else if (char.IsAsciiLetterOrDigit(name[i]) || name[i] == '_') escaped.Append(name[i]);
            else
                switch (name[i])
                {
                    case '.': escaped.Append("__dot__"); break;
                    case '-': escaped.Append("__dash__"); break;
                    case '/': escaped.Append("__slash__"); break;
                    default: return null;
                }
        return escaped.ToString();
    }
}
