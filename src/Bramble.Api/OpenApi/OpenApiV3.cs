using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.Api.OpenApi;

/// <summary>The documents below <c>/openapi/v3</c>: one a group version, made from the embedded facts when asked for and not kept (clients cache them by
/// their hash). Thread-safe.</summary>
public static class OpenApiV3
{
    private const string Prefix = "#/components/schemas/";

    private static readonly Lazy<IReadOnlyDictionary<string, string>> Hashes = new(ReadHashes);

    /// <summary>The list of documents at <c>/openapi/v3</c>.</summary>
    public static JsonObject Index()
    {
        var paths = new JsonObject();
        foreach (var (path, hash) in Hashes.Value.OrderBy(h => h.Key, StringComparer.Ordinal))
            paths[path] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={hash}" };
        return new JsonObject { ["paths"] = paths };
    }

    /// <summary>Hash of a document (<c>api/v1</c>, <c>apis/apps/v1</c>, <c>version</c>); null when there is none. It changes with the facts only.</summary>
    public static string? HashOf(string path) => Hashes.Value.GetValueOrDefault(path);

    /// <summary>The document, made anew; null when there is none.</summary>
    public static JsonObject? Document(string path)
    {
        if (HashOf(path) is null) return null;
        var operations = OpenApiOperation.ReadFacts(out var types).Where(o => DocumentOf(o) == path).ToList();
        using var schemas = new OpenApiSchemas(Prefix);
        var roots = operations.SelectMany(o => (string?[])[o.AnswerType, o.BodyType]).OfType<string>().Where(t => t.Length > 0);
        var paths = new JsonObject();
        foreach (var group in operations.GroupBy(o => o.Path).OrderBy(g => g.Key, StringComparer.Ordinal)) paths[group.Key] = PathItem([.. group], types, schemas);
        return new JsonObject
        {
            ["openapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "v1.36.2" },
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = schemas.Closure(roots),
                ["securitySchemes"] = new JsonObject
                {
                    ["BearerToken"] = new JsonObject { ["type"] = "apiKey", ["description"] = "Bearer Token authentication", ["name"] = "authorization", ["in"] = "header" },
                },
            },
        };
    }

    private static Dictionary<string, string> ReadHashes()
    {
        var facts = SHA256.HashData(Schemas.BuiltInSchemas.Facts());
        var documents = OpenApiOperation.ReadFacts(out _).Select(DocumentOf).Distinct();
        return documents.ToDictionary(d => d, d => Convert.ToHexString(SHA512.HashData([.. facts, .. Encoding.UTF8.GetBytes(d)])));
    }

    /// <summary>The document an operation is in: that of its group version, or of its own path.</summary>
    private static string DocumentOf(OpenApiOperation operation)
    {
        if (operation.IsResource) return operation.GroupVersion.Group.Length == 0 ? $"api/{operation.GroupVersion.Version}" : $"apis/{operation.GroupVersion}";
        return operation.Path.Trim('/');
    }

    private static JsonObject PathItem(IReadOnlyList<OpenApiOperation> operations, IReadOnlyDictionary<string, string> types, OpenApiSchemas schemas)
    {
        // What all operations of the path take is said once.
        var shared = operations.Select(o => o.Query.AsEnumerable()).Aggregate((a, b) => a.Intersect(b)).ToHashSet();
        var item = new JsonObject();
        foreach (var operation in operations.OrderBy(o => o.Method, StringComparer.Ordinal))
            item[operation.Method.ToLowerInvariant()] = Operation(operation, operation.Query.Except(shared), types, schemas);
        var parameters = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var name in shared) parameters[name] = QueryParameter(name, types);
        foreach (var name in (ReadOnlySpan<string>)["name", "namespace", "path"])
            if (operations[0].Path.Contains($"{{{name}}}", StringComparison.Ordinal))
                parameters[name] = new JsonObject { ["name"] = name, ["in"] = "path", ["required"] = true, ["schema"] = Unique("string") };
        if (parameters.Count > 0) item["parameters"] = new JsonArray([.. parameters.Values]);
        return item;
    }

    private static JsonObject Operation(OpenApiOperation operation, IEnumerable<string> query, IReadOnlyDictionary<string, string> types, OpenApiSchemas schemas)
    {
        var node = new JsonObject { ["tags"] = new JsonArray(operation.Tag), ["operationId"] = operation.Id };
        var parameters = query.Order(StringComparer.Ordinal).Select(name => (JsonNode)QueryParameter(name, types)).ToArray();
        if (parameters.Length > 0) node["parameters"] = new JsonArray(parameters);
        if (operation.BodyType is { } bodyType)
        {
            var body = new JsonObject { ["content"] = Content(operation.Consumes, () => schemas.Reference(bodyType)) };
            if (operation.Action is "post" or "put" or "patch") body["required"] = true;
            node["requestBody"] = body;
        }
        var responses = new JsonObject();
        foreach (var code in operation.Codes)
        {
            var response = new JsonObject { ["description"] = code switch { "200" => "OK", "201" => "Created", "202" => "Accepted", _ => "Unauthorized" } };
            if (code != "401") response["content"] = Content(operation.Produces, () => operation.AnswerType is { } type ? schemas.Reference(type) : new JsonObject { ["type"] = "string" });
            responses[code] = response;
        }
        node["responses"] = responses;
        if (!operation.IsResource) return node;
        node["x-kubernetes-action"] = operation.Action;
        if (operation.Kind is { } kind) node["x-kubernetes-group-version-kind"] = new JsonObject { ["group"] = kind.Group, ["version"] = kind.Version, ["kind"] = kind.Kind };
        return node;
    }

    private static JsonObject Content(IReadOnlyList<string> mediaTypes, Func<JsonObject> schema)
    {
        var content = new JsonObject();
        foreach (var mediaType in mediaTypes) content[mediaType] = new JsonObject { ["schema"] = schema() };
        return content;
    }

    private static JsonObject QueryParameter(string name, IReadOnlyDictionary<string, string> types) =>
        new() { ["name"] = name, ["in"] = "query", ["schema"] = Unique(types.GetValueOrDefault(name, "string")) };

    private static JsonObject Unique(string type) => new() { ["type"] = type, ["uniqueItems"] = true };
}
