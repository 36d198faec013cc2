using System.Text.Json.Nodes;
using Bramble.Kubectl.Connection;
using Bramble.Kubectl.Output;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl scale</c>.</summary>
internal static class ScaleCommand
{
    public static readonly Flag[] Flags = [.. WriteOptions.Flags, new("replicas"), new("current-replicas"), new("resource-version"), new("selector", 'l'), new("timeout"), new("filename", 'f')];

    public static async Task<int> RunAsync(KubectlContext context, CancellationToken cancel)
    {
        if (context.Arguments.Number("replicas") is not { } replicas) throw new CommandFailure("error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
        var mapper = await context.MapperAsync(cancel);
        var targets = ResourceArguments.Parse(mapper, context.Arguments.Words);
        if (targets.Count == 0) throw new CommandFailure("error: you must provide one or more resources by argument or filename");
        foreach (var target in targets)
        {
            if (target.Name is null) throw new CommandFailure("error: resource(s) were provided, but no name was specified");
            var path = target.Resource.Path(context.NamespaceOf(target.Resource), target.Name, "scale");
            if (context.Arguments.Number("current-replicas") is { } expected)
            {
                var scale = await context.Api.GetAsync(path, cancel);
                if ((int?)scale["spec"]?["replicas"] is var actual && (actual ?? 0) != expected) throw new CommandFailure($"error: Expected replicas to be {expected}, was {actual ?? 0}");
            }
            var body = new JsonObject { ["spec"] = new JsonObject { ["replicas"] = replicas } };
            await context.Api.SendAsync(HttpMethod.Patch, path + "?fieldManager=kubectl-scale" + (context.Arguments.IsServerDryRun() ? "&dryRun=All" : ""), body, "application/merge-patch+json", cancel);
            await context.Out.WriteLineAsync(context.Arguments.Text("output") == "name" ? $"{target.Resource.QualifiedSingular}/{target.Name}" : $"{target.Resource.QualifiedSingular}/{target.Name} scaled");
        }
        return 0;
    }
}

/// <summary><c>kubectl label</c> and <c>kubectl annotate</c>: <c>key=value</c> sets, <c>key-</c> removes.</summary>
internal static class LabelCommand
{
    public static readonly Flag[] Flags =
    [
        .. WriteOptions.Flags, Flag.Switch("overwrite"), Flag.Switch("all"), new("selector", 'l'), Flag.Switch("all-namespaces", 'A'), Flag.Switch("list"), new("resource-version"), new("filename", 'f'), new("field-selector"), Flag.Switch("local"),
    ];

    public static async Task<int> RunAsync(KubectlContext context, string field, CancellationToken cancel)
    {
        var command = field == "labels" ? "label" : "annotate";
        var words = context.Arguments.Words;
        var changes = words.Where(w => w.Contains('=') || (w.EndsWith('-') && words.IndexOf(w) > 0)).ToList();
        var mapper = await context.MapperAsync(cancel);
        var targets = ResourceArguments.Parse(mapper, words.Except(changes).ToList());
        if (targets.Count == 0) throw new CommandFailure("error: one or more resources must be specified as <resource> <name> or <resource>/<name>");
        if (changes.Count == 0 && !context.Arguments.IsSet("list")) throw new CommandFailure($"error: at least one {command.Replace("annotate", "annotation", StringComparison.Ordinal)} update is required");
        foreach (var (resource, ns, name) in await NamedAsync(context, targets, cancel))
        {
            var path = resource.Path(ns, name);
            var live = await context.Api.GetAsync(path, cancel);
            var old = live["metadata"]?[field] as JsonObject ?? [];
            if (context.Arguments.IsSet("list"))
            {
                foreach (var (key, value) in old.OrderBy(p => p.Key, StringComparer.Ordinal)) await context.Out.WriteLineAsync($"{key}={value}");
                continue;
            }
            var patch = new JsonObject();
            var missing = new List<string>();
            foreach (var change in changes)
            {
                var equals = change.IndexOf('=');
                var key = equals < 0 ? change[..^1] : change[..equals];
                var value = equals < 0 ? null : change[(equals + 1)..];
                if (value is null && !old.ContainsKey(key)) missing.Add(key);
                if (value is not null && old[key] is { } existing && existing.ToString() != value && !context.Arguments.IsSet("overwrite"))
                    throw new CommandFailure(field == "labels"
                        ? $"error: '{key}' already has a value ({existing}), and --overwrite is false"
                        : $"error: --overwrite is false but found the following declared annotation(s): '{key}' already has a value ({existing})");
                patch[key] = value;
            }
            foreach (var key in missing) await context.Out.WriteLineAsync($"{(field == "labels" ? "label" : "annotation")} \"{key}\" not found.");
            var done = field == "labels" ? (patch.All(p => p.Value is null) ? "unlabeled" : "labeled") : "annotated";
            if (patch.All(p => JsonNode.DeepEquals(p.Value, old[p.Key]))) done = field == "labels" ? "not labeled" : "annotated";
            var body = new JsonObject { ["metadata"] = new JsonObject { [field] = patch } };
            var result = context.Arguments.IsClientDryRun()
                ? live
                : await context.Api.SendAsync(HttpMethod.Patch, path + context.Arguments.Query($"kubectl-{command}"), body, "application/merge-patch+json", cancel);
            await context.PrintResultAsync(resource, result, done);
        }
        return 0;
    }

    private static async Task<IReadOnlyList<(KnownResource Resource, string Namespace, string Name)>> NamedAsync(KubectlContext context, IReadOnlyList<ResourceArgument> targets, CancellationToken cancel)
    {
        var named = new List<(KnownResource, string, string)>();
        foreach (var target in targets)
        {
            var ns = context.NamespaceOf(target.Resource);
            if (target.Name is { } name)
            {
                named.Add((target.Resource, ns, name));
                continue;
            }
            if (context.Arguments.Find("selector") is null && !context.Arguments.IsSet("all")) throw new CommandFailure("error: resource(s) were provided, but no name was specified");
            var list = await context.Api.GetAsync($"{target.Resource.Path(ns)}?labelSelector={Uri.EscapeDataString(context.Arguments.Text("selector"))}", cancel);
            foreach (var item in list["items"] as JsonArray ?? []) named.Add((target.Resource, (string?)item?["metadata"]?["namespace"] ?? "", (string?)item?["metadata"]?["name"] ?? ""));
        }
        return named;
    }
}

/// <summary><c>kubectl api-resources</c>, <c>api-versions</c>, <c>version</c>, <c>cluster-info</c>, <c>config</c>.</summary>
internal static class AboutCommands
{
    public static readonly Flag[] ApiResourcesFlags = [new("output", 'o'), new("api-group"), new("namespaced"), new("verbs"), new("categories"), Flag.Switch("no-headers"), new("sort-by"), Flag.Switch("cached")];
    public static readonly Flag[] VersionFlags = [Flag.Switch("client"), new("output", 'o'), Flag.Switch("short")];
    public static readonly Flag[] ConfigFlags = [new("output", 'o'), Flag.Switch("raw"), Flag.Switch("minify"), Flag.Switch("flatten"), Flag.Switch("merge"), Flag.Switch("no-headers"), Flag.Switch("current")];

    private const string ClientVersion = "v1.36.2";

    public static async Task<int> ApiResourcesAsync(KubectlContext context, CancellationToken cancel)
    {
        var arguments = context.Arguments;
        var all = (await context.MapperAsync(cancel)).All.DistinctBy(r => (r.Plural, r.Group)).Where(r => r.Verbs.Count > 0);
        if (arguments.Find("api-group") is { } group) all = all.Where(r => r.Group == group);
        if (arguments.Find("namespaced") is { } scope) all = all.Where(r => r.IsNamespaced == (scope == "true"));
        if (arguments.Find("verbs") is { } verbs) all = all.Where(r => verbs.Split(',').All(r.Verbs.Contains));
        if (arguments.Find("categories") is { } categories) all = all.Where(r => categories.Split(',').All(r.Categories.Contains));
        var sorted = all.OrderBy(r => r.Group, StringComparer.Ordinal).ThenBy(r => r.Plural, StringComparer.Ordinal).ToList();
        var output = arguments.Text("output");
        if (output == "name")
        {
            foreach (var resource in sorted) await context.Out.WriteLineAsync(resource.QualifiedPlural);
            return 0;
        }
        var lines = new List<IReadOnlyList<string>>();
        if (!arguments.IsSet("no-headers")) lines.Add(output == "wide" ? ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", "VERBS", "CATEGORIES"] : ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]);
        foreach (var r in sorted)
        {
            List<string> line = [r.Plural, string.Join(',', r.ShortNames), r.ApiVersion, r.IsNamespaced ? "true" : "false", r.Kind];
            if (output == "wide") line.AddRange([string.Join(',', r.Verbs), string.Join(',', r.Categories)]);
            lines.Add(line);
        }
        await context.Out.WriteAsync(new TextTable().Format(lines));
        return 0;
    }

    public static async Task<int> ApiVersionsAsync(KubectlContext context, CancellationToken cancel)
    {
        foreach (var version in (await context.MapperAsync(cancel)).All.Select(r => r.ApiVersion).Distinct().Order(StringComparer.Ordinal)) await context.Out.WriteLineAsync(version);
        return 0;
    }

    public static async Task<int> VersionAsync(KubectlContext context, CancellationToken cancel)
    {
        var output = context.Arguments.Text("output");
        var server = context.Arguments.IsSet("client") ? null : await context.Api.GetAsync("version", cancel);
        if (output is "json" or "yaml")
        {
            var tree = new JsonObject { ["clientVersion"] = new JsonObject { ["gitVersion"] = ClientVersion, ["major"] = "1", ["minor"] = "36", ["platform"] = "linux" }, ["kustomizeVersion"] = "v5.8.1" };
            if (server is not null) tree["serverVersion"] = server.DeepClone();
            await context.Out.WriteAsync(output == "json" ? ObjectText.Json(tree) : ObjectText.Yaml(tree));
            return 0;
        }
        await context.Out.WriteLineAsync($"Client Version: {ClientVersion}");
        await context.Out.WriteLineAsync("Kustomize Version: v5.8.1");
        if (server is not null) await context.Out.WriteLineAsync($"Server Version: {(string?)server["gitVersion"]}");
        return 0;
    }

    public static async Task<int> ClusterInfoAsync(KubectlContext context, CancellationToken cancel)
    {
        if (context.Arguments.Words is ["dump", ..]) throw KubectlCommand.Missing("cluster-info dump");
        var server = context.Api.Server.ToString().TrimEnd('/');
        await context.Out.WriteLineAsync($"Kubernetes control plane is running at {server}");
        var services = await context.Api.GetAsync("api/v1/namespaces/kube-system/services?labelSelector=kubernetes.io%2Fcluster-service%3Dtrue", cancel);
        foreach (var service in services["items"] as JsonArray ?? [])
        {
            var name = (string?)service?["metadata"]?["name"];
            var label = (string?)service?["metadata"]?["labels"]?["kubernetes.io/name"] ?? name;
            var port = (string?)service?["spec"]?["ports"]?[0]?["name"];
            await context.Out.WriteLineAsync($"{label} is running at {server}/api/v1/namespaces/kube-system/services/{name}{(port is { Length: > 0 } ? ":" + port : "")}/proxy");
        }
        await context.Out.WriteLineAsync("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.");
        return 0;
    }

    public static async Task<int> ConfigAsync(Arguments arguments, TextWriter output)
    {
        var tree = KubeConfig.Merged(arguments);
        switch (arguments.Words.FirstOrDefault())
        {
            case "view":
                if (!arguments.IsSet("raw")) Redact(tree);
                if (arguments.IsSet("minify")) Minify(tree, arguments);
                await output.WriteAsync(arguments.Text("output", "yaml") == "json" ? ObjectText.Json(tree) : ObjectText.Yaml(tree));
                return 0;
            case "current-context":
                var current = (string?)tree["current-context"] ?? "";
                if (current.Length == 0) throw new CommandFailure("error: current-context is not set");
                await output.WriteLineAsync(current);
                return 0;
            case "get-contexts":
                var lines = new List<IReadOnlyList<string>>();
                if (!arguments.IsSet("no-headers")) lines.Add(["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]);
                foreach (var entry in (tree["contexts"] as JsonArray ?? []).OrderBy(c => (string?)c?["name"], StringComparer.Ordinal))
                    lines.Add([(string?)entry?["name"] == (string?)tree["current-context"] ? "*" : "", (string?)entry?["name"] ?? "", (string?)entry?["context"]?["cluster"] ?? "", (string?)entry?["context"]?["user"] ?? "", (string?)entry?["context"]?["namespace"] ?? ""]);
                await output.WriteAsync(new TextTable().Format(lines));
                return 0;
            default:
                throw KubectlCommand.Missing($"config {arguments.Words.FirstOrDefault()}".TrimEnd());
        }
    }

    private static void Redact(JsonObject tree)
    {
        foreach (var cluster in tree["clusters"] as JsonArray ?? [])
            if (cluster?["cluster"] is JsonObject map && map.ContainsKey("certificate-authority-data")) map["certificate-authority-data"] = "DATA+OMITTED";
        foreach (var user in tree["users"] as JsonArray ?? [])
            if (user?["user"] is JsonObject map)
                foreach (var (key, shown) in ((string, string)[])[("client-certificate-data", "DATA+OMITTED"), ("client-key-data", "DATA+OMITTED"), ("token", "REDACTED"), ("password", "REDACTED")])
                    if (map.ContainsKey(key)) map[key] = shown;
    }

    private static void Minify(JsonObject tree, Arguments arguments)
    {
        var name = arguments.Find("context") ?? (string?)tree["current-context"] ?? "";
        var context = KubeConfig.Named(tree, "contexts", name) ?? throw new CommandFailure($"error: cannot locate context {name}");
        Keep("contexts", name);
        Keep("clusters", (string?)context["context"]?["cluster"] ?? "");
        Keep("users", (string?)context["context"]?["user"] ?? "");

        void Keep(string list, string kept)
        {
            var entries = (JsonArray)tree[list]!;
            for (var i = entries.Count - 1; i >= 0; i--)
                if ((string?)entries[i]?["name"] != kept) entries.RemoveAt(i);
        }
    }
}
