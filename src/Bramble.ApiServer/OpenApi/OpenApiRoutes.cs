using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.OpenApi;
using Bramble.ApiServer.Serving;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.OpenApi;

/// <summary><c>/openapi/v2</c> and <c>/openapi/v3</c>. Documents are made anew for each request that does not already have them: clients keep them by their hash.</summary>
public static class OpenApiRoutes
{
    public static void AddTo(NonResourceRoutes routes, ApiPipeline pipeline)
    {
        routes.Add(new NonResourceRoute("/openapi/v2", (http, _, cancel) => VersionTwoAsync(http, pipeline, cancel)));
        routes.Add(new NonResourceRoute("/openapi/v3", (http, _, cancel) => IndexAsync(http, pipeline, cancel)));
        routes.Add(new NonResourceRoute("/openapi/v3/", (http, _, cancel) => DocumentAsync(http, pipeline, cancel), IsPrefix: true));
    }

    private static Task VersionTwoAsync(HttpContext http, ApiPipeline pipeline, CancellationToken cancel)
    {
        // Clients write the type with an @ or a dot. Each form has a tag of its own: caches keep one answer a URL.
        var isProtobuf = http.Request.Headers.Accept.ToString().Contains("proto-openapi.spec.v2", StringComparison.Ordinal);
        var custom = pipeline.Resources.CustomResources.ToList();
        var hash = custom.Count == 0 ? OpenApiV2.Hash : OpenApiV2.Hash[..64] + CustomHash(custom);
        if (IsKnown(http, isProtobuf ? "P" + hash[1..] : hash)) return Task.CompletedTask;
        var document = OpenApiV2.Document();
        foreach (var resource in custom) CustomOpenApi.AddTo(document["definitions"]!.AsObject(), resource.Api, resource.Definition!.Version);
        if (!isProtobuf) return WriteAsync(http, "application/json", document, cancel);
        http.Response.ContentType = OpenApiV2Protobuf.MediaType;
        return http.Response.Body.WriteAsync(OpenApiV2Protobuf.Encode(document), cancel).AsTask();
    }

    private static Task IndexAsync(HttpContext http, ApiPipeline pipeline, CancellationToken cancel)
    {
        var resources = pipeline.Resources;
        var index = OpenApiV3.Index();
        foreach (var path in resources.CustomResources.Select(r => $"apis/{r.Api.GroupVersion}").Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            index["paths"]![path] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={CustomHash(Custom(resources, path))}" };
        // Their documents are passed through (and so are not here).
        foreach (var remote in pipeline.Aggregator?.Services ?? [])
            if (remote.IsAvailable && pipeline.Aggregator!.Known.Of(remote)?.OpenApiUrl is { } url) index["paths"]![$"apis/{remote.Group}/{remote.Version}"] = new JsonObject { ["serverRelativeURL"] = url };
        return WriteAsync(http, "text/plain; charset=utf-8", index, cancel);
    }

    private static List<ServedResource> Custom(ResourceTable resources, string path) => [.. resources.CustomResources.Where(r => $"apis/{r.Api.GroupVersion}" == path)];

    /// <summary>It changes with each definition.</summary>
    private static string CustomHash(List<ServedResource> resources) => Convert.ToHexString(SHA256.HashData(
        Encoding.UTF8.GetBytes(string.Join(';', resources.OrderBy(r => r.Api.Plural, StringComparer.Ordinal).ThenBy(r => $"{r.Api.GroupVersion}", StringComparer.Ordinal).Select(r => $"{r.Api}@{r.Definition!.Revision}")))));

    private static async Task DocumentAsync(HttpContext http, ApiPipeline pipeline, CancellationToken cancel)
    {
        var resources = pipeline.Resources;
        var path = http.Request.Path.Value!["/openapi/v3/".Length..];
        if (path.Length == 0)
        {
            await IndexAsync(http, pipeline, cancel);
            return;
        }
        var custom = Custom(resources, path);
        if ((custom.Count > 0 ? CustomHash(custom) : OpenApiV3.HashOf(path)) is not { } hash)
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        if (http.Request.Query["hash"].ToString() is { Length: > 0 } asked)
        {
            if (asked != hash)
            {
                http.Response.StatusCode = StatusCodes.Status301MovedPermanently;
                http.Response.ContentType = "application/json";
                http.Response.Headers.Location = $"/openapi/v3/{path}?hash={hash}";
                return;
            }
            // This address will always mean this document.
            http.Response.Headers.CacheControl = "public, immutable";
            http.Response.Headers.Expires = DateTimeOffset.UtcNow.AddYears(1).ToString("r");
        }
        // Clients write the type with an @ or a dot. Each form has a tag of its own: caches keep one answer a URL.
        var isProtobuf = http.Request.Headers.Accept.ToString().Contains("proto-openapi.spec.v3", StringComparison.Ordinal);
        if (IsKnown(http, isProtobuf ? "P" + hash[1..] : hash)) return;
        var document = custom.Count == 0
            ? OpenApiV3.Document(path)!
            : CustomOpenApi.Document(custom.Select(r => (r.Api, r.Definition!.Version)));
        if (!isProtobuf)
        {
            await WriteAsync(http, "application/json", document, cancel);
            return;
        }

        http.Response.ContentType = OpenApiV3Protobuf.MediaType;
        await http.Response.Body.WriteAsync(OpenApiV3Protobuf.Encode(document), cancel);
    }

    /// <summary>True: the client has it, and was told so.</summary>
    private static bool IsKnown(HttpContext http, string hash)
    {
        http.Response.Headers.ETag = $"\"{hash}\"";
        http.Response.Headers.Vary = "Accept";
        if (!http.Request.Headers.IfNoneMatch.ToString().Contains(hash, StringComparison.Ordinal)) return false;
        http.Response.StatusCode = StatusCodes.Status304NotModified;
        return true;
    }

    private static async Task WriteAsync(HttpContext http, string contentType, JsonObject document, CancellationToken cancel)
    {
        http.Response.ContentType = contentType;
        var isGzip = http.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal);
        if (isGzip) http.Response.Headers.ContentEncoding = "gzip";
        await using var body = isGzip ? new GZipStream(http.Response.BodyWriter.AsStream(leaveOpen: true), CompressionLevel.Fastest) : http.Response.BodyWriter.AsStream(leaveOpen: true);
        await using var writer = new Utf8JsonWriter(body);
        document.WriteTo(writer);
        await writer.FlushAsync(cancel);
    }
}
