using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Discovery;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Verbs;
using Bramble.Client;

namespace Bramble.ApiServer.Metrics;

/// <summary>metrics.k8s.io/v1beta1, which <c>kubectl top</c> and autoscalers ask: what nodes and pods use now. In the place of K3s' metrics-server.</summary>
internal sealed class MetricsGroup(IResourceReader reader, NodeSamples samples) : IVirtualGroup
{
    public const string Group = "metrics.k8s.io";
    public const string Version = "v1beta1";

    private static readonly GroupResource Nodes = new("", "nodes");
    private static readonly GroupResource Pods = new("", "pods");

    public RemoteGroupVersion Discovery { get; } = new(Group, Version, 100, 100, new JsonArray(Shown("nodes", "NodeMetrics", false), Shown("pods", "PodMetrics", true)), IsFresh: true);

    public async ValueTask<JsonObject> AnswerAsync(ApiRequest request, CancellationToken cancel)
    {
        var info = request.Info;
        if (info.Resource is not ("nodes" or "pods") || info.Subresource.Length > 0 || (info.Resource == "nodes" && info.Namespace.Length > 0))
            throw new StatusException(new Status(404, "NotFound", "the server could not find the requested resource"));
        if (info.Verb is not ("get" or "list")) throw StatusErrors.MethodNotAllowed(new(Group, info.Resource), info.Verb);
        return info.Resource == "nodes" ? await NodesAsync(request, cancel) : await PodsAsync(request, cancel);
    }

    private async Task<JsonObject> NodesAsync(ApiRequest request, CancellationToken cancel)
    {
        var name = request.Info.Name;
        IReadOnlyCollection<KubeObject> asked = name.Length == 0
            ? Selected(reader.List(Nodes), request)
            : [reader.Find(Nodes, new("", name)) ?? throw StatusErrors.NotFound(new(Group, "nodes"), name)];
        var usage = await UsageAsync([.. asked.Select(n => n.Name.Name)], cancel);
        var items = new List<JsonObject>();
        foreach (var node in asked)
        {
            if (!usage.TryGetValue(node.Name.Name, out var seen) || !seen.Of.TryGetValue(default, out var used)) continue;
            var item = Head("NodeMetrics", node, seen);
            item["usage"] = Amounts(used);
            items.Add(item);
        }
        return name.Length == 0 ? List("NodeMetricsList", items) : items.FirstOrDefault() ?? throw StatusErrors.NotFound(new(Group, "nodemetrics"), name);
    }

    private async Task<JsonObject> PodsAsync(ApiRequest request, CancellationToken cancel)
    {
        var (ns, name) = (request.Info.Namespace, request.Info.Name);
        IReadOnlyCollection<KubeObject> asked = name.Length == 0
            ? Selected(reader.List(Pods, ns), request)
            // The name that metrics-server gives a pod.
            : [reader.Find(Pods, new(ns, name)) ?? throw StatusErrors.NotFound(Pods, $"{ns}/{name}")];
        var placed = asked.Select(p => (Pod: p, Tree: p.ToTree())).Select(p => (p.Pod, p.Tree, Node: (string?)p.Tree["spec"]?["nodeName"] ?? "")).Where(p => p.Node.Length > 0).ToList();
        var usage = await UsageAsync([.. placed.Select(p => p.Node).Distinct()], cancel);
        var items = new List<JsonObject>();
        foreach (var (pod, tree, node) in placed)
        {
            if (!usage.TryGetValue(node, out var seen)) continue;
            var containers = new JsonArray();
            var all = (tree["spec"]?["initContainers"] as JsonArray ?? []).Concat(tree["spec"]?["containers"] as JsonArray ?? []);
            foreach (var container in all.Select(c => (string?)c?["name"] ?? ""))
                if (seen.Of.TryGetValue(new(pod.Name.Namespace, pod.Name.Name, container), out var used)) containers.Add((JsonNode)new JsonObject { ["name"] = container, ["usage"] = Amounts(used) });
            if (containers.Count == 0) continue;
            var item = Head("PodMetrics", pod, seen);
            item["containers"] = containers;
            items.Add(item);
        }
        return name.Length == 0 ? List("PodMetricsList", items) : items.FirstOrDefault() ?? throw StatusErrors.NotFound(new(Group, "podmetrics"), $"{ns}/{name}");
    }

    private Task<IReadOnlyDictionary<string, NodeUsage>> UsageAsync(IReadOnlyCollection<string> nodes, CancellationToken cancel) =>
        samples.ReadAsync([.. nodes.Where(n => reader.Find(Nodes, new("", n)) is not null)], [.. reader.List(Nodes).Select(n => n.Name.Name)], cancel);

    private static List<KubeObject> Selected(IReadOnlyCollection<KubeObject> objects, ApiRequest request)
    {
        var labels = LabelSelector.Parse(request.Query["labelSelector"]);
        var fields = FieldSelector.Parse(request.Query["fieldSelector"]);
        return [.. objects.Where(o => (labels.IsEmpty || labels.Matches(o.Json.Span)) && fields.Matches(field => field switch
        {
            "metadata.name" => o.Name.Name,
            "metadata.namespace" => o.Name.Namespace,
            _ => null,
        })).OrderBy(o => o.Name.Namespace, StringComparer.Ordinal).ThenBy(o => o.Name.Name, StringComparer.Ordinal)];
    }

    private static JsonObject Head(string kind, KubeObject about, NodeUsage seen)
    {
        var at = KubeTime.Seconds(seen.At);
        var metadata = new JsonObject { ["name"] = about.Name.Name };
        if (about.Name.Namespace.Length > 0) metadata["namespace"] = about.Name.Namespace;
        metadata["creationTimestamp"] = at;
        if (about.ToTree()["metadata"]?["labels"] is { } labels) metadata["labels"] = labels.DeepClone();
        return new JsonObject
        {
            ["kind"] = kind,
            ["apiVersion"] = $"{Group}/{Version}",
            ["metadata"] = metadata,
            ["timestamp"] = at,
            ["window"] = string.Create(CultureInfo.InvariantCulture, $"{seen.Window.TotalSeconds:0.###}s"),
        };
    }

    private static JsonObject Amounts(Usage used) => new()
    {
        ["cpu"] = string.Create(CultureInfo.InvariantCulture, $"{used.NanoCores}n"),
        ["memory"] = string.Create(CultureInfo.InvariantCulture, $"{used.MemoryBytes / 1024}Ki"),
    };

    private static JsonObject List(string kind, IEnumerable<JsonObject> items)
    {
        var array = new JsonArray();
        foreach (var item in items)
        {
            item.Remove("kind");
            item.Remove("apiVersion");
            array.Add((JsonNode)item);
        }
        return new JsonObject { ["kind"] = kind, ["apiVersion"] = $"{Group}/{Version}", ["metadata"] = new JsonObject(), ["items"] = array };
    }

    private static JsonObject Shown(string name, string kind, bool isNamespaced) => new()
    {
        ["name"] = name,
        ["singularName"] = "",
        ["namespaced"] = isNamespaced,
        ["kind"] = kind,
        ["verbs"] = new JsonArray("get", "list"),
    };
}
