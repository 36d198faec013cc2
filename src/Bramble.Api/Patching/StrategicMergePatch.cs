using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Patching;

/// <summary>Strategic merge patch: a merge patch whose lists are merged by key, with directives in the patch ($patch, $retainKeys, $setElementOrder,
/// $deleteFromPrimitiveList). Behaviour and messages of apimachinery's strategicpatch.</summary>
public static class StrategicMergePatch
{
    internal const string Directive = "$patch";
    private const string RetainKeys = "$retainKeys";
    private const string DeleteFromPrimitiveList = "$deleteFromPrimitiveList";
    private const string SetElementOrder = "$setElementOrder";

    /// <summary>Merges a patch into an object of <paramref name="type"/>. Both trees are used up: pass copies.</summary>
    /// <returns>The merged tree, not yet in normal form.</returns>
    /// <exception cref="StatusException">400, 422 or 500 as upstream.</exception>
    public static JsonObject Apply(JsonObject original, JsonObject patch, SchemaType type) => MergeMap(original, patch, type);

    internal static JsonObject MergeMap(JsonObject original, JsonObject patch, SchemaType? type)
    {
        if (patch.TryGetPropertyValue(Directive, out var directive))
        {
            switch (Text(directive))
            {
                case "replace":
                    patch.Remove(Directive);
                    return patch;
                case "delete":
                    return [];
                default:
                    throw Failed($"unknown patch type: {GoFormat.Value(directive)} in map: {GoFormat.Value(patch)}");
            }
        }
        ApplyRetainKeys(original, patch);
        ApplyElementOrders(original, patch, type);
        foreach (var patchKey in patch.Select(p => p.Key).ToArray())
        {
            var value = patch[patchKey];
            var key = patchKey;
            var isDeleteList = key.StartsWith(DeleteFromPrimitiveList, StringComparison.Ordinal);
            if (isDeleteList) key = StripPrefix(key, DeleteFromPrimitiveList, "invalid patch format of primitive list");
            if (value is null)
            {
                original.Remove(key);
                continue;
            }
            patch.Remove(patchKey);
            if (!original.TryGetPropertyValue(key, out var old) || !IsSameType(old, value))
            {
                if (!isDeleteList) Take(original, key, value);
                continue;
            }
            switch (value)
            {
                case JsonObject map:
                    var field = Field(type, key);
                    if (field.Strategy.HasFlag(PatchStrategy.Replace))
                    {
                        original[key] = map;
                        break;
                    }
                    var merged = MergeMap((JsonObject)old!, map, field.Type);
                    if (!ReferenceEquals(merged, old)) original[key] = merged;
                    break;
                case JsonArray list:
                    original[key] = StrategicListMerge.Merge((JsonArray)old!, list, ListField(type, key), isDeleteList);
                    break;
                default:
                    original[key] = value;
                    break;
            }
        }
        return original;
    }

    private static void Take(JsonObject original, string key, JsonNode value)
    {
        DiscardNulls(value);
        if (RemoveDirectives(value)) original[key] = value;
        else original.Remove(key);
    }

    private static void ApplyRetainKeys(JsonObject original, JsonObject patch)
    {
        if (!patch.TryGetPropertyValue(RetainKeys, out var directive)) return;
        patch.Remove(RetainKeys);
        if (directive is not JsonArray list) throw BadFormat("retainKeys");
        var kept = list.Select(Text).ToHashSet(StringComparer.Ordinal);
        foreach (var (key, value) in patch)
        {
            var isDirective = key.StartsWith(DeleteFromPrimitiveList, StringComparison.Ordinal) || key.StartsWith(SetElementOrder, StringComparison.Ordinal);
            if (value is not null && !isDirective && !kept.Contains(key)) throw BadFormat("retainKeys");
        }
        foreach (var key in original.Select(p => p.Key).Where(k => !kept.Contains(k)).ToArray()) original.Remove(key);
    }

    private static void ApplyElementOrders(JsonObject original, JsonObject patch, SchemaType? type)
    {
        foreach (var directive in patch.Select(p => p.Key).Where(k => k.StartsWith(SetElementOrder, StringComparison.Ordinal)).ToArray())
        {
            var order = patch[directive] as JsonArray ?? throw BadArgument("[]interface {}", patch[directive]);
            patch.Remove(directive);
            var key = StripPrefix(directive, SetElementOrder, "invalid patch format of setElementOrder list");
            var hasOriginal = original.TryGetPropertyValue(key, out var originalNode);
            var hasPatch = patch.TryGetPropertyValue(key, out var patchNode);
            if (hasOriginal && originalNode is not JsonArray) throw BadArgument("[]interface {}", originalNode);
            if (hasPatch && patchNode is not JsonArray) throw BadArgument("[]interface {}", patchNode);
            var field = ListField(type, key);
            StrategicListMerge.CheckOrder(patchNode as JsonArray ?? [], order, field.MergeKey);
            if (!hasOriginal && !hasPatch) continue;
            var before = originalNode is JsonArray originalList ? StrategicListMerge.Items(originalList) : [];
            var elementKindSource = StrategicListMerge.ElementKind(originalNode as JsonArray ?? [], patchNode as JsonArray ?? []);
            patch.Remove(key);
            JsonArray merged;
            if (!hasPatch)
            {
                merged = (JsonArray)originalNode!;
            }
            else if (!hasOriginal)
            {
                RemoveDirectives(patchNode!);
                merged = (JsonArray)patchNode!;
            }
            else
            {
                merged = StrategicListMerge.Merge((JsonArray)originalNode!, (JsonArray)patchNode!, field, isDeleteList: false);
            }
            original[key] = StrategicListMerge.Order(StrategicListMerge.Items(merged), order, before, field.MergeKey, elementKindSource == "map");
        }
    }

    /// <summary>What the type says about a field that is a map in both; unknown fields are an error, as the Go struct has none.</summary>
    internal static StrategicField Field(SchemaType? type, string key)
    {
        if (type?.Kind != SchemaKind.Struct)
        {
            // Special types are structs in Go, without fields of that name; maps and scalars are not structs at all.
            if (type is { Kind: SchemaKind.RawExtension or SchemaKind.Json or SchemaKind.FieldsV1 or SchemaKind.IntOrString or SchemaKind.Time or SchemaKind.Quantity })
                throw Failed($"unable to find api field in struct {ShortName(type)} for the json field \"{key}\"");
            throw Failed($"merging an object in json but data type is not struct, instead is: {GoKind(type)}");
        }
        var field = type.FindField(key) ?? throw Failed($"unable to find api field in struct {ShortName(type)} for the json field \"{key}\"");
        return new StrategicField(field.Type, field.PatchStrategy, field.PatchMergeKey);
    }

    /// <summary>As <see cref="Field"/> for a list: the type is that of the items.</summary>
    internal static StrategicField ListField(SchemaType? type, string key)
    {
        var field = Field(type, key);
        if (field.Type!.Kind is not (SchemaKind.Array or SchemaKind.StringList)) throw Failed($"expected slice or array type, but got: {GoKind(type)}");
        if (field.Type.Element!.Kind == SchemaKind.Array) throw Failed("unexpected slice of slice");
        return field with { Type = field.Type.Element };
    }

    private static string ShortName(SchemaType type) => type.GoName[(type.GoName.LastIndexOf('.') + 1)..];

    private static string GoKind(SchemaType? type) => type?.Kind switch
    {
        SchemaKind.Map => "map",
        SchemaKind.Array or SchemaKind.Bytes or SchemaKind.StringList => "slice",
        SchemaKind.String => "string",
        SchemaKind.Boolean => "bool",
        SchemaKind.Integer => type.GoName,
        SchemaKind.Number => "float64",
        _ => "struct",
    };

    /// <summary>Drops maps with a directive, and lists' items that are such, from a value that is taken as it is.</summary>
    /// <returns>False: the value itself is a directive.</returns>
    internal static bool RemoveDirectives(JsonNode? value)
    {
        switch (value)
        {
            case JsonObject map:
                if (map.ContainsKey(Directive)) return false;
                foreach (var key in map.Select(p => p.Key).ToArray())
                    if (!RemoveDirectives(map[key])) map.Remove(key);
                return true;
            case JsonArray list:
                for (var i = list.Count - 1; i >= 0; i--)
                    if (!RemoveDirectives(list[i])) list.RemoveAt(i);
                return true;
            default:
                return true;
        }
    }

    private static void DiscardNulls(JsonNode? value)
    {
        switch (value)
        {
            case JsonObject map:
                foreach (var key in map.Select(p => p.Key).ToArray())
                {
                    if (map[key] is null) map.Remove(key);
                    else DiscardNulls(map[key]);
                }
                break;
            case JsonArray list:
                foreach (var item in list) DiscardNulls(item);
                break;
        }
    }

    private static bool IsSameType(JsonNode? a, JsonNode b) => a is not null && GoFormat.TypeName(a) == GoFormat.TypeName(b);

    private static string StripPrefix(string key, string prefix, string error)
    {
        var slash = key.IndexOf('/');
        return slash >= 0 && key[..slash] == prefix ? key[(slash + 1)..] : throw StatusErrors.BadRequest(error);
    }

    internal static string? Text(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;

    /// <summary>An error upstream does not class: 500 with the bare message.</summary>
    internal static StatusException Failed(string message) => new(new Status(500, "", message));

    internal static StatusException BadFormat(string directive) => StatusErrors.BadRequest($"invalid patch format of {directive}");

    internal static StatusException BadArgument(string expected, JsonNode? actual) => Failed($"expected a {expected}, but received a {GoFormat.TypeName(actual)}");
}

/// <summary>How a field is merged.</summary>
/// <param name="MergeKey">Empty: none.</param>
internal readonly record struct StrategicField(SchemaType? Type, PatchStrategy Strategy, string MergeKey);
