using System.Text.Json.Nodes;
using Bramble.Api.Catalog;

namespace Bramble.Api.OpenApi;

/// <summary>Custom resources in OpenAPI: the v3 document of a group version, which <c>kubectl explain</c> and clients that check fields read, and their schemas in the v2 document. Pure.</summary>
public static class CustomOpenApi
{
    private const string Prefix = "#/components/schemas/";
    private const string PrefixV2 = "#/definitions/";
    private const string Preserve = "x-kubernetes-preserve-unknown-fields";
    private const string ObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    private static readonly string[] WriteParameters = ["dryRun", "fieldManager", "fieldValidation", "force"];

    private const string ListMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

    /// <param name="resources">All of one group version, each with the version of its definition.</param>
    public static JsonObject Document(IEnumerable<(ApiResource Resource, JsonObject Version)> resources)
    {
        using var known = new OpenApiSchemas(Prefix);
        var schemas = known.Closure([ObjectMeta, ListMeta]);
        if (schemas[ObjectMeta]?["properties"]?["creationTimestamp"] is JsonObject created)
            created["description"] = "CreationTimestamp is a timestamp representing the server time when this object was created.";
        var paths = new JsonObject();
        foreach (var (resource, version) in resources)
        {
            var name = NameOf(resource);
            schemas[name] = ObjectSchema(resource, version, Prefix);
            schemas[name + "List"] = ListSchema(resource, version, name, Prefix);
            var root = $"/apis/{resource.GroupVersion}/";
            var own = resource.IsNamespaced ? $"{root}namespaces/{{namespace}}/{resource.Plural}" : root + resource.Plural;
            paths[own] = Item(resource, ("get", "list", name + "List"), ("post", "post", name), ("delete", "deletecollection", name));
            paths[own + "/{name}"] = Item(resource, ("get", "get", name), ("put", "put", name), ("patch", "patch", name), ("delete", "delete", name));
            foreach (var subresource in resource.Subresources)
                if (subresource.Kind == resource.GroupVersionKind)
                    paths[$"{own}/{{name}}/{subresource.Name}"] = Item(resource, ("get", "get", name), ("put", "put", name), ("patch", "patch", name));
            if (resource.IsNamespaced) paths[root + resource.Plural] = Item(resource, ("get", "list", name + "List"));
        }
        return new JsonObject
        {
            ["openapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = "Kubernetes CRD Swagger", ["version"] = "v0.1.0" },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };
    }

    /// <summary><c>stable.example.com/v1 CronTab</c> is <c>com.example.stable.v1.CronTab</c>.</summary>
    private static string NameOf(ApiResource resource) => $"{string.Join('.', resource.Group.Split('.').Reverse())}.{resource.Version}.{resource.Kind}";

    /// <summary>Adds the schemas of a custom resource to those of the v2 document, which has no words for much of theirs.</summary>
    public static void AddTo(JsonObject definitions, ApiResource resource, JsonObject version)
    {
        var name = NameOf(resource);
        definitions[name] = ObjectSchema(resource, version, PrefixV2);
        definitions[name + "List"] = ListSchema(resource, version, name, PrefixV2);
    }

    private static JsonObject ObjectSchema(ApiResource resource, JsonObject version, string prefix)
    {
        var schema = version["schema"]?["openAPIV3Schema"] as JsonObject;
        JsonObject shown;
        // By properties kubectl would take everything else for unknown.
        if (prefix == PrefixV2 && (schema is null || IsTrue(schema, Preserve))) shown = new JsonObject { ["type"] = "object" };
        else
        {
            shown = (JsonObject?)schema?.DeepClone() ?? new JsonObject { ["type"] = "object", [Preserve] = true };
            if (prefix == PrefixV2) ToV2(shown);
            AddEmbedded(shown, prefix);
            AddMeta(shown, ObjectMeta, "Standard object's metadata.", prefix);
        }
        shown["x-kubernetes-group-version-kind"] = new JsonArray(KindOf(resource, resource.Kind));
        AddSelectable(shown, version);
        return shown;
    }

    private static JsonObject ListSchema(ApiResource resource, JsonObject version, string name, string prefix)
    {
        var list = new JsonObject
        {
            ["description"] = $"{resource.ListKind} is a list of {resource.Kind}",
            ["type"] = "object",
            ["required"] = new JsonArray("items"),
            ["properties"] = new JsonObject { ["items"] = new JsonObject { ["description"] = $"List of {resource.Plural}.", ["type"] = "array", ["items"] = Reference(name, prefix) } },
            ["x-kubernetes-group-version-kind"] = new JsonArray(KindOf(resource, resource.ListKind)),
        };
        AddMeta(list, ListMeta, "Standard list metadata.", prefix);
        AddSelectable(list, version);
        return list;
    }

    private static void AddMeta(JsonObject schema, string type, string description, string prefix)
    {
        if (schema["properties"] is not JsonObject properties) schema["properties"] = properties = [];
        properties["apiVersion"] = Text("APIVersion defines the versioned schema of this representation of an object.");
        properties["kind"] = Text("Kind is a string value representing the REST resource this object represents.");
        var reference = Reference(type, prefix);
        if (prefix == PrefixV2) reference["description"] = description;
        else reference = new JsonObject { ["description"] = description, ["default"] = new JsonObject(), ["allOf"] = new JsonArray(reference) };
        properties["metadata"] = reference;
    }

    private static void AddSelectable(JsonObject schema, JsonObject version)
    {
        if (version["selectableFields"] is not JsonArray { Count: > 0 } fields) return;
        schema["x-kubernetes-selectable-fields"] = new JsonArray([.. fields.Select(f => (JsonNode)new JsonObject { ["fieldPath"] = ((string)f!["jsonPath"]!).TrimStart('.') })]);
    }

    /// <summary>Objects inside have what every object has.</summary>
    private static void AddEmbedded(JsonObject schema, string prefix)
    {
        foreach (var inner in Inner(schema)) AddEmbedded(inner, prefix);
        if (!IsTrue(schema, "x-kubernetes-embedded-resource") || (prefix == PrefixV2 && IsTrue(schema, Preserve))) return;
        AddMeta(schema, ObjectMeta, "Standard object's metadata.", prefix);
        if (schema["required"] is not JsonArray required) schema["required"] = required = [];
        foreach (var name in (ReadOnlySpan<string>)["kind", "apiVersion"])
            if (!Has(required, name)) required.Add((JsonNode)name);
    }

    /// <summary>In place. What v2 cannot say, or kubectl would read wrongly, goes.</summary>
    private static void ToV2(JsonObject schema)
    {
        foreach (var name in (ReadOnlySpan<string>)["allOf", "oneOf", "anyOf", "not"]) schema.Remove(name);
        var (isNullable, keeps) = (IsTrue(schema, "nullable"), IsTrue(schema, Preserve));
        schema.Remove("nullable");
        if (isNullable || keeps)
        {
            schema.Remove("items");
            schema.Remove("properties");
        }
        var type = (string?)schema["type"];
        if (isNullable || (type == "array" && !schema.ContainsKey("items")) || (type == "object" && keeps)) schema.Remove("type");
        if (schema["required"] is JsonArray required)
        {
            if (schema["additionalProperties"] is JsonObject values && IsTrue(values, "nullable")) required.Clear();
            foreach (var (name, property) in schema["properties"] as JsonObject ?? [])
                if (property is JsonObject inner && IsTrue(inner, "nullable")) Drop(required, name);
            if (required.Count == 0) schema.Remove("required");
        }
        foreach (var inner in Inner(schema)) ToV2(inner);
    }

    private static IEnumerable<JsonObject> Inner(JsonObject schema)
    {
        foreach (var (_, property) in schema["properties"] as JsonObject ?? [])
            if (property is JsonObject inner) yield return inner;
        foreach (var name in (string[])["items", "additionalProperties"])
            if (schema[name] is JsonObject inner) yield return inner;
    }

    private static bool IsTrue(JsonObject schema, string name) => schema[name]?.GetValueKind() == System.Text.Json.JsonValueKind.True;

    private static bool Has(JsonArray names, string name) => names.Any(n => (string?)n == name);

    private static void Drop(JsonArray names, string name)
    {
        for (var i = names.Count - 1; i >= 0; i--)
            if ((string?)names[i] == name) names.RemoveAt(i);
    }

    private static JsonObject Item(ApiResource resource, params (string Method, string Action, string Schema)[] operations)
    {
        var item = new JsonObject();
        foreach (var (method, action, schema) in operations)
        {
            var operation = new JsonObject();
            // By these kubectl learns that the server checks fields itself.
            if (method is "post" or "put" or "patch")
                operation["parameters"] = new JsonArray([.. WriteParameters.Where(p => p != "force" || method == "patch").Select(p => (JsonNode)Parameter(p))]);
            if (method is "post" or "put" or "patch")
                operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = Reference(schema, Prefix) } } };
            operation["responses"] = new JsonObject
            {
                ["200"] = new JsonObject { ["description"] = "OK", ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = Reference(schema, Prefix) } } },
            };
            operation["x-kubernetes-action"] = action;
            operation["x-kubernetes-group-version-kind"] = KindOf(resource, resource.Kind);
            item[method] = operation;
        }
        return item;
    }

    private static JsonObject Parameter(string name) =>
        new() { ["name"] = name, ["in"] = "query", ["schema"] = new JsonObject { ["type"] = name == "force" ? "boolean" : "string", ["uniqueItems"] = true } };

    private static JsonObject Text(string description) => new() { ["description"] = description, ["type"] = "string" };

    private static JsonObject Reference(string name, string prefix) => new() { ["$ref"] = prefix + name };

    private static JsonObject KindOf(ApiResource resource, string kind) => new() { ["group"] = resource.Group, ["version"] = resource.Version, ["kind"] = kind };
}
