using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Decoding;
using Bramble.Api.Discovery;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>The non-resource paths of every API server: discovery, health, version, metrics.</summary>
internal static class BuiltInRoutes
{
    private const string AggregatedV2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    public static void AddTo(NonResourceRoutes routes, ApiPipeline pipeline, HealthChecks health)
    {
        foreach (var endpoint in (ReadOnlySpan<string>)["healthz", "livez", "readyz"])
        {
            var name = endpoint;
            routes.Add(new NonResourceRoute($"/{name}", (http, _, cancel) => health.AnswerAsync(http, name, cancel), IsPrefix: true));
        }
        routes.Add(new NonResourceRoute("/version", (http, _, cancel) => OnlyGet(http, () => JsonAsync(http, Version(pipeline.Options.GitVersion), cancel), cancel)));
        routes.Add(new NonResourceRoute("/version/", (http, _, cancel) => OnlyGet(http, () => JsonAsync(http, Version(pipeline.Options.GitVersion), cancel), cancel)));
        routes.Add(new NonResourceRoute("/metrics", async (http, _, cancel) =>
        {
            http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
            await http.Response.WriteAsync(pipeline.Metrics.Text(), cancel);
        }));
        AddDiscovery(routes, pipeline);
    }

    private static void AddDiscovery(NonResourceRoutes routes, ApiPipeline pipeline)
    {
        var documents = new Lazy<DiscoveryDocuments>(() => new DiscoveryDocuments(ApiCatalog.BuiltIn));
        routes.Add(new NonResourceRoute("/", (http, _, cancel) => JsonAsync(http, documents.Value.RootPaths(), cancel)));
        foreach (var root in (ReadOnlySpan<string>)["/api", "/api/"])
            routes.Add(new NonResourceRoute(root, (http, _, cancel) => OnlyGet(
                http,
                () => WantsAggregated(http)
                    ? AggregatedAsync(http, documents.Value.AggregatedCore(), documents.Value.AggregatedCoreTag, cancel)
                    : JsonAsync(http, DiscoveryDocuments.ApiVersions($"{http.Request.Host.Value}"), cancel),
                cancel)));
        foreach (var root in (ReadOnlySpan<string>)["/apis", "/apis/"])
            routes.Add(new NonResourceRoute(root, (http, _, cancel) => OnlyGet(
                http,
                () => WantsAggregated(http)
                    ? AggregatedAsync(http, documents.Value.AggregatedGroups(), documents.Value.AggregatedGroupsTag, cancel)
                    : JsonAsync(http, documents.Value.Groups(), cancel),
                cancel)));
        foreach (var prefix in (ReadOnlySpan<string>)["/api/", "/apis/"])
            routes.Add(new NonResourceRoute(prefix, (http, _, cancel) => GroupAsync(http, documents.Value, cancel), IsPrefix: true));
    }

    private static Task GroupAsync(HttpContext http, DiscoveryDocuments documents, CancellationToken cancel)
    {
        var parts = (http.Request.Path.Value ?? "").Trim('/').Split('/');
        var document = parts switch
        {
            ["api", var version] => documents.Resources("", version),
            ["apis", var group] => documents.Group(group),
            ["apis", var group, var version] => documents.Resources(group, version),
            _ => null,
        };
        if (document is null) return NotFoundAsync(http, cancel);
        return OnlyGet(http, () => JsonAsync(http, document, cancel), cancel);
    }

    private static async Task OnlyGet(HttpContext http, Func<Task> answer, CancellationToken cancel)
    {
        if (HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method))
        {
            await answer();
            return;
        }
        await AnswerWriter.WriteStatusAsync(http, Router.NotAllowed().Status, AnswerFormat.Json, cancel);
    }

    private static async Task NotFoundAsync(HttpContext http, CancellationToken cancel)
    {
        http.Response.StatusCode = 404;
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers["X-Content-Type-Options"] = "nosniff";
        await http.Response.WriteAsync("404 page not found\n", cancel);
    }

    private static Task JsonAsync(HttpContext http, JsonObject tree, CancellationToken cancel)
    {
        var form = MediaTypes.Negotiate(http.Request.Headers.Accept.ToString(), mayStream: false, mayTransform: false, hasProtobuf: true);
        return AnswerWriter.WriteTreeAsync(http, 200, tree, form with { Format = form.Format == AnswerFormat.Protobuf ? AnswerFormat.Json : form.Format }, cancel);
    }

    private static bool WantsAggregated(HttpContext http) =>
        http.Request.Headers.Accept.ToString().Contains("as=APIGroupDiscoveryList", StringComparison.Ordinal)
        && http.Request.Headers.Accept.ToString().Contains("g=apidiscovery.k8s.io", StringComparison.Ordinal);

    private static async Task AggregatedAsync(HttpContext http, JsonObject document, string tag, CancellationToken cancel)
    {
        var response = http.Response;
        response.Headers.ETag = $"\"{tag.Trim('"')}\"";
        response.Headers.Vary = "Accept";
        if (http.Request.Headers.IfNoneMatch.ToString().Trim('"') == tag.Trim('"'))
        {
            response.StatusCode = 304;
            return;
        }
        response.ContentType = AggregatedV2;
        await response.Body.WriteAsync(TreeText.Write(document), cancel);
    }

    private static JsonObject Version(string gitVersion) => new()
    {
        ["major"] = "1",
        ["minor"] = "36",
        ["emulationMajor"] = "1",
        ["emulationMinor"] = "36",
        ["minCompatibilityMajor"] = "1",
        ["minCompatibilityMinor"] = "35",
        ["gitVersion"] = gitVersion,
        ["gitCommit"] = "0000000000000000000000000000000000000000",
        ["gitTreeState"] = "clean",
        ["buildDate"] = "2026-01-01T00:00:00Z",
        ["goVersion"] = "go1.25.0",
        ["compiler"] = "gc",
        ["platform"] = $"linux/{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64")}",
    };
}
