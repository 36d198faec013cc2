using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Bramble.Api.Discovery;
using Bramble.Api.Naming;
using Bramble.ApiServer.Metrics;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>The non-resource paths of every API server: health, version, metrics, discovery.</summary>
internal static class BuiltInRoutes
{
    /// <summary>Of upstream's 1.36.2, for clients that read it.</summary>
    public const string GoVersion = "go1.25.0";

    private static readonly GroupResource Pods = new("", "pods");

    public static void AddTo(NonResourceRoutes routes, ApiPipeline pipeline, HealthChecks health)
    {
        foreach (var endpoint in (ReadOnlySpan<string>)["healthz", "livez", "readyz"])
        {
            var name = endpoint;
            routes.Add(new NonResourceRoute($"/{name}", (http, _, cancel) => health.AnswerAsync(http, name, cancel), IsPrefix: true));
        }
        routes.Add(new NonResourceRoute("/version", (http, _, cancel) => DiscoveryRoutes.OnlyGet(http, () => DiscoveryRoutes.TreeAsync(http, Version(pipeline.Options), cancel), cancel)));
        routes.Add(new NonResourceRoute("/version/", (http, _, cancel) => DiscoveryRoutes.OnlyGet(http, () => DiscoveryRoutes.TreeAsync(http, Version(pipeline.Options), cancel), cancel)));
        routes.Add(new NonResourceRoute("/metrics", (http, _, cancel) => MetricsAsync(http, pipeline.Metrics.Text() + string.Concat(pipeline.OtherMetrics.Select(m => m())), cancel)));
        routes.Add(new NonResourceRoute("/metrics/slis", (http, _, cancel) => MetricsAsync(http, health.Metrics(), cancel)));
        routes.Add(new NonResourceRoute("/metrics/resources", (http, _, cancel) => MetricsAsync(http, PodResourceMetrics.Text(pipeline.Cache.List(Pods).Select(pod => pod.ToTree())), cancel)));
        var pages = new DebugPages(pipeline.Options, () => DiscoveryDocuments.KnownPaths());
        routes.Add(new NonResourceRoute("/statusz", (http, _, cancel) => pages.StatuszAsync(http, cancel)));
        routes.Add(new NonResourceRoute("/flagz", (http, _, cancel) => pages.FlagzAsync(http, cancel)));
        var own = pipeline.VirtualGroups.Select(g => g.Discovery).ToList();
        DiscoveryRoutes.AddTo(routes, pipeline.Resources, own, () => pipeline.Aggregator?.Discovery ?? []);
    }

    private static Task MetricsAsync(HttpContext http, string text, CancellationToken cancel)
    {
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
        return http.Response.WriteAsync(text, cancel);
    }

    private static JsonObject Version(ApiServerOptions options) => new()
    {
        ["major"] = "1",
        ["minor"] = "36",
        ["emulationMajor"] = "1",
        ["emulationMinor"] = "36",
        ["minCompatibilityMajor"] = "1",
        ["minCompatibilityMinor"] = "35",
        ["gitVersion"] = options.GitVersion,
        ["gitCommit"] = options.GitCommit,
        ["gitTreeState"] = "clean",
        ["buildDate"] = options.BuildDate,
        ["goVersion"] = GoVersion,
        ["compiler"] = "gc",
        ["platform"] = $"linux/{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64")}",
    };
}
