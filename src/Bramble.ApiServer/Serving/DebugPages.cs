using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary><c>/statusz</c> and <c>/flagz</c> (KEP-4827, KEP-4828): what runs here and with which settings, for people as text, for programs as config.k8s.io's kinds.</summary>
internal sealed class DebugPages(ApiServerOptions options, Func<IEnumerable<string>> paths)
{
    private const string Component = "apiserver";

    private static readonly string[] NotForDebugging = ["/apis", "/api", "/openid", "/openapi", "/.well-known"];

    public Task StatuszAsync(HttpContext http, CancellationToken cancel)
    {
        var started = Process.GetCurrentProcess().StartTime.ToUniversalTime();
        var seconds = Math.Max(0, (long)(DateTime.UtcNow - started).TotalSeconds);
        var version = options.GitVersion.TrimStart('v').Split('+')[0];
        var folders = paths().Select(path => "/" + path.Split('/')[1]).Where(folder => folder.Length > 1 && !NotForDebugging.Contains(folder)).Distinct().Order(StringComparer.Ordinal).ToList();
        return AnswerAsync(
            http,
            "Statusz",
            () => new JsonObject
            {
                ["startTime"] = KubernetesTime.Write(started),
                ["uptimeSeconds"] = seconds,
                ["goVersion"] = BuiltInRoutes.GoVersion,
                ["binaryVersion"] = version,
                ["emulationVersion"] = "1.36",
                ["paths"] = new JsonArray([.. folders.Select(folder => (JsonNode)folder)]),
            },
            string.Create(
                CultureInfo.InvariantCulture,
                $"\nStarted: {started:ddd MMM d HH:mm:ss} UTC {started:yyyy}\nUp: {seconds / 3600} hr {seconds / 60 % 60:00} min {seconds % 60:00} sec\nGo version: {BuiltInRoutes.GoVersion}\nBinary version: {version}\nEmulation version: 1.36\nPaths: {string.Join(' ', folders)}\n"),
            cancel);
    }

    public Task FlagzAsync(HttpContext http, CancellationToken cancel)
    {
        var names = options.Flags.Keys.Order(StringComparer.Ordinal).ToList();
        var (flags, text) = (new JsonObject(), new StringBuilder());
        foreach (var name in names)
        {
            flags[name] = options.Flags[name];
            text.Append($"{name}={options.Flags[name]}\n");
        }

        return AnswerAsync(http, "Flagz", () => new JsonObject { ["flags"] = flags }, text.ToString(), cancel);
    }

    private static Task AnswerAsync(HttpContext http, string kind, Func<JsonObject> content, string text, CancellationToken cancel)
    {
        if (MediaTypes.NegotiateDebug(http.Request.Headers.Accept.ToString(), kind) is not var (format, version))
        {
            http.Response.ContentType = "text/plain; charset=utf-8";
            return http.Response.WriteAsync(
                $"\n{Component} {kind.ToLowerInvariant()}\nWarning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.\n{text}", cancel);
        }

        if (version == "v1alpha1") http.Response.Headers.Append("Warning", $"299 - \"This version of the {kind.ToLowerInvariant()} endpoint is deprecated. Please use a newer version.\"");
        var tree = new JsonObject { ["kind"] = kind, ["apiVersion"] = $"config.k8s.io/{version}", ["metadata"] = new JsonObject { ["name"] = Component } };
        foreach (var (name, value) in content()) tree[name] = value?.DeepClone();
        return AnswerWriter.WriteTreeAsync(http, 200, tree, new Negotiated(format, AnswerTransform.None, "v1"), cancel);
    }
}
