using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.OpenApi;

/// <summary>The embedded facts of types as OpenAPI schemas. One document's: it holds the parsed facts while that is made; dispose it.</summary>
/// <param name="prefix">What references begin with: <c>#/components/schemas/</c> (v3) or <c>#/definitions/</c> (v2).</param>
internal sealed class OpenApiSchemas(string prefix) : IDisposable
{
    private readonly JsonDocument _facts = JsonDocument.Parse(BuiltInSchemas.Facts().ToArray());

    private JsonElement Types => _facts.RootElement.GetProperty("types"u8);

    private bool IsV2 => prefix == "#/definitions/";

    public void Dispose() => _facts.Dispose();

    public JsonObject Reference(string type) => new() { ["$ref"] = prefix + type };

    public bool Exists(string type) => Types.TryGetProperty(type, out var found) && !found.TryGetProperty("notInOpenAPI"u8, out _);

    public IEnumerable<string> All() => Types.EnumerateObject().Where(t => !t.Value.TryGetProperty("notInOpenAPI"u8, out _)).Select(t => t.Name);

    /// <summary>The types and all they refer to, by name.</summary>
    public JsonObject Closure(IEnumerable<string> roots)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(roots.Where(Exists));
        while (open.TryPop(out var name))
        {
            if (!names.Add(name)) continue;
            foreach (var reference in References(Types.GetProperty(name)))
                if (Exists(reference)) open.Push(reference);
        }
        var schemas = new JsonObject();
        foreach (var name in names) schemas[name] = Type(Types.GetProperty(name));
        return schemas;
    }

    private static IEnumerable<string> References(JsonElement type) =>
        type.TryGetProperty("fields"u8, out var fields) ? fields.EnumerateObject().SelectMany(f => InNode(f.Value)) : InNode(type);

    private static IEnumerable<string> InNode(JsonElement node)
    {
        if (node.TryGetProperty("ref"u8, out var name)) yield return name.GetString()!;
        foreach (var part in (IReadOnlyList<string>)["items", "values"])
            if (node.TryGetProperty(part, out var inner))
                foreach (var reference in InNode(inner)) yield return reference;
    }

    private JsonObject Type(JsonElement type)
    {
        var schema = new JsonObject();
        if (type.TryGetProperty("fields"u8, out var fields))
        {
            schema["type"] = "object";
            var properties = new JsonObject();
            var required = new JsonArray();
            foreach (var field in fields.EnumerateObject())
            {
                properties[field.Name] = Field(field.Value);
                if (field.Value.TryGetProperty("required"u8, out _)) required.Add((JsonNode)field.Name);
            }
            if (required.Count > 0) schema["required"] = required;
            schema["properties"] = properties;
        }
        else
            AddPlain(schema, type);
        if (type.TryGetProperty("mapType"u8, out var mapType)) schema["x-kubernetes-map-type"] = mapType.GetString();
        if (type.TryGetProperty("gvk"u8, out var kinds))
            schema["x-kubernetes-group-version-kind"] = new JsonArray([.. kinds.EnumerateArray().Select(k => (JsonNode)new JsonObject
            {
                ["group"] = k[0].GetString(), ["kind"] = k[2].GetString(), ["version"] = k[1].GetString(),
            })]);
        if (type.TryGetProperty("unions"u8, out var unions)) schema["x-kubernetes-unions"] = JsonNode.Parse(unions.GetRawText());
        return schema;
    }

    private JsonObject Field(JsonElement field)
    {
        var schema = new JsonObject();
        if (field.TryGetProperty("ref"u8, out var reference))
        {
            var isStruct = Types.GetProperty(reference.GetString()!).TryGetProperty("fields"u8, out _);
            // A structure that is no pointer has the empty structure as its default.
            var node = field.TryGetProperty("default"u8, out var given) ? JsonNode.Parse(given.GetRawText())
                : isStruct && !field.TryGetProperty("ptr"u8, out _) ? new JsonObject()
                : null;
            if (IsV2)
                schema["$ref"] = prefix + reference.GetString();
            else
            {
                schema["allOf"] = new JsonArray(Reference(reference.GetString()!));
                if (node is not null) schema["default"] = node;
            }
        }
        else
            AddPlain(schema, field);
        if (field.TryGetProperty("listType"u8, out var listType)) schema["x-kubernetes-list-type"] = listType.GetString();
        if (field.TryGetProperty("listMapKeys"u8, out var keys)) schema["x-kubernetes-list-map-keys"] = JsonNode.Parse(keys.GetRawText());
        if (field.TryGetProperty("mapType"u8, out var mapType)) schema["x-kubernetes-map-type"] = mapType.GetString();
        if (field.TryGetProperty("patchStrategy"u8, out var strategy)) schema["x-kubernetes-patch-strategy"] = strategy.GetString();
        if (field.TryGetProperty("patchMergeKey"u8, out var mergeKey)) schema["x-kubernetes-patch-merge-key"] = mergeKey.GetString();
        return schema;
    }

    /// <summary>type, format, enum, default, and what lists and maps hold.</summary>
    private void AddPlain(JsonObject schema, JsonElement node)
    {
        if (node.TryGetProperty("type"u8, out var type)) schema["type"] = type.GetString() == "map" ? "object" : type.GetString();
        if (node.TryGetProperty("format"u8, out var format)) schema["format"] = format.GetString();
        if (node.TryGetProperty("oneOf"u8, out var oneOf))
        {
            // v2 knows no alternatives: both kinds of value that have some are strings there.
            if (IsV2) schema["type"] = "string";
            else schema["oneOf"] = JsonNode.Parse(oneOf.GetRawText());
        }
        if (node.TryGetProperty("enum"u8, out var values)) schema["enum"] = JsonNode.Parse(values.GetRawText());
        if (!IsV2 && node.TryGetProperty("default"u8, out var given)) schema["default"] = JsonNode.Parse(given.GetRawText());
        if (node.TryGetProperty("items"u8, out var items)) schema["items"] = Inner(items);
        if (node.TryGetProperty("values"u8, out var inner)) schema["additionalProperties"] = Inner(inner);
    }

    private JsonObject Inner(JsonElement node)
    {
        if (node.TryGetProperty("ref"u8, out var reference) && (IsV2 || !node.TryGetProperty("default"u8, out _))) return Reference(reference.GetString()!);
        return Field(node);
    }
}
