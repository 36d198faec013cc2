using System.Text.Json.Nodes;
using Bramble.Api.Catalog;

namespace Bramble.Api.OpenApi;

/// <summary>The OpenAPI v3 document of a group version of custom resources: what <c>kubectl explain</c> and clients that check fields read. Pure.</summary>
public static class CustomOpenApi
{
    private const string Prefix = "#/components/schemas/";
    private const string ObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    private static readonly string[] WriteParameters = ["dryRun", "fieldManager", "fieldValidation", "force"];

    private const string ListMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

    /// <param name="resources">All of one group version, each with the openAPIV3Schema of its definition.</param>
    public static JsonObject Document(IEnumerable<(ApiResource Resource, JsonObject? Schema)> resources)
    {
        using var known = new OpenApiSchemas(Prefix);
        var schemas = known.Closure([ObjectMeta, ListMeta]);
        var paths = new JsonObject();
        foreach (var (resource, schema) in resources)
        {
            var name = NameOf(resource);
            schemas[name] = ObjectSchema(resource, schema);
            schemas[name + "List"] = ListSchema(resource, name);
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

    private static JsonObject ObjectSchema(ApiResource resource, JsonObject? schema)
    {
        var shown = (JsonObject?)schema?.DeepClone() ?? new JsonObject { ["type"] = "object", ["x-kubernetes-preserve-unknown-fields"] = true };
        if (shown["properties"] is not JsonObject properties) shown["properties"] = properties = [];
        properties["apiVersion"] = Text();
        properties["kind"] = Text();
        properties["metadata"] = new JsonObject { ["allOf"] = new JsonArray(Reference(ObjectMeta)) };
        shown["x-kubernetes-group-version-kind"] = new JsonArray(KindOf(resource, resource.Kind));
        return shown;
    }

    private static JsonObject ListSchema(ApiResource resource, string name) => new()
    {
        ["type"] = "object",
        ["required"] = new JsonArray("items"),
        ["properties"] = new JsonObject
        {
            ["apiVersion"] = Text(),
            ["kind"] = Text(),
            ["metadata"] = new JsonObject { ["allOf"] = new JsonArray(Reference(ListMeta)) },
            ["items"] = new JsonObject { ["type"] = "array", ["items"] = Reference(name) },
        },
        ["x-kubernetes-group-version-kind"] = new JsonArray(KindOf(resource, resource.ListKind)),
    };

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
                operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = Reference(schema) } } };
            operation["responses"] = new JsonObject
            {
                ["200"] = new JsonObject { ["description"] = "OK", ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = Reference(schema) } } },
            };
            operation["x-kubernetes-action"] = action;
            operation["x-kubernetes-group-version-kind"] = KindOf(resource, resource.Kind);
            item[method] = operation;
        }
        return item;
    }

    private static JsonObject Parameter(string name) =>
        new() { ["name"] = name, ["in"] = "query", ["schema"] = new JsonObject { ["type"] = name == "force" ? "boolean" : "string", ["uniqueItems"] = true } };

    private static JsonObject Text() => new() { ["type"] = "string" };

    private static JsonObject Reference(string name) => new() { ["$ref"] = Prefix + name };

    private static JsonObject KindOf(ApiResource resource, string kind) => new() { ["group"] = resource.Group, ["version"] = resource.Version, ["kind"] = kind };
}
