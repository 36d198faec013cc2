using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Bramble.Api.OpenApi;

/// <summary>The document at <c>/openapi/v2</c>: all types. Operations are described by v3 only; clients read types from v2. Made when asked for, not kept.</summary>
public static class OpenApiV2
{
    private static readonly Lazy<string> LazyHash = new(() => Convert.ToHexString(SHA512.HashData(Schemas.BuiltInSchemas.Facts())));

    /// <summary>Changes with the facts only.</summary>
    public static string Hash => LazyHash.Value;

    public static JsonObject Document()
    {
        using var schemas = new OpenApiSchemas("#/definitions/");
        return new JsonObject
        {
            ["swagger"] = "2.0",
            ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "v1.36.2" },
            ["paths"] = new JsonObject(),
            ["definitions"] = schemas.Closure(schemas.All()),
            ["securityDefinitions"] = new JsonObject
            {
                ["BearerToken"] = new JsonObject { ["type"] = "apiKey", ["description"] = "Bearer Token authentication", ["name"] = "authorization", ["in"] = "header" },
            },
            ["security"] = new JsonArray(new JsonObject { ["BearerToken"] = new JsonArray() }),
        };
    }
}
