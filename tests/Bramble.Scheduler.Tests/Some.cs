using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests;

/// <summary>Pods, nodes and clusters for tests; what a test does not name is everyday.</summary>
internal static class Some
{
    public static V1Node Node(
        string name, string cpu = "4", string memory = "8Gi", string pods = "110", (string Key, string Value)[]? labels = null, V1Taint[]? taints = null, bool isCordoned = false, Action<V1Node>? with = null)
    {
        var node = new V1Node
        {
            Metadata = new V1ObjectMeta { Name = name, Uid = $"uid-{name}", Labels = Labels([("kubernetes.io/hostname", name), .. labels ?? []]) },
            Spec = new V1NodeSpec { Taints = taints, Unschedulable = isCordoned ? true : null },
            Status = new V1NodeStatus { Allocatable = Amounts(("cpu", cpu), ("memory", memory), ("pods", pods)) },
        };
        with?.Invoke(node);
        return node;
    }

    public static V1Node Node(string name, params (string Key, string Value)[] labels) => Node(name, labels: labels, cpu: "4");

    public static PodInfo Pod(
        string name, string? cpu = null, string? memory = null, int priority = 0, string ns = "default", (string Key, string Value)[]? labels = null, string? nominated = null, Action<V1Pod>? with = null)
    {
        var requests = Amounts([.. ((string, string?)[])[("cpu", cpu), ("memory", memory)]]);
        var pod = new V1Pod
        {
            Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = ns, Uid = $"uid-{ns}-{name}", Labels = Labels(labels ?? []) },
            Spec = new V1PodSpec { Priority = priority, Containers = [new V1Container { Name = "c", Image = "image", Resources = new V1ResourceRequirements { Requests = requests } }] },
            Status = new V1PodStatus { NominatedNodeName = nominated },
        };
        with?.Invoke(pod);
        return new PodInfo(pod);
    }

    public static IDictionary<string, ResourceQuantity> Amounts(params (string Name, string? Amount)[] amounts) =>
        amounts.Where(a => a.Amount is not null).ToDictionary(a => a.Name, a => new ResourceQuantity(a.Amount), StringComparer.Ordinal);

    public static IDictionary<string, string> Labels(params (string Key, string Value)[] labels) => labels.ToDictionary(l => l.Key, l => l.Value, StringComparer.Ordinal);

    public static V1LabelSelector Selector(params (string Key, string Value)[] labels) => new() { MatchLabels = Labels(labels) };

    public static V1Taint Taint(string key, string effect = "NoSchedule", string? value = null) => new() { Key = key, Effect = effect, Value = value };

    public static ClusterState Cluster(params V1Node[] nodes)
    {
        var cluster = new ClusterState();
        foreach (var node in nodes) cluster.SetNode(node);
        return cluster;
    }

    public static ClusterState On(this ClusterState cluster, string node, params PodInfo[] pods)
    {
        foreach (var pod in pods) cluster.Place(pod, node, isAssumed: false);
        return cluster;
    }

    /// <summary>What a rule says of the Pod on the node: "fits", or the reasons; those that no eviction cures end with "!".</summary>
    public static string Says(this IFilterPlugin plugin, PodInfo pod, ClusterState cluster, string node)
    {
        var prepared = plugin.Prepare(pod, cluster);
        var result = !prepared.Refusal.DoesFit ? prepared.Refusal : prepared.Filter?.Filter(cluster.Find(node)!) ?? FilterResult.Fits;
        return result.DoesFit ? "fits" : string.Join(", ", result.Reasons!) + (result.IsUnresolvable ? "!" : "");
    }

    /// <summary>The scores of all nodes, sorted by name; null: no opinion.</summary>
    public static long[]? Scores(this IScorePlugin plugin, PodInfo pod, ClusterState cluster)
    {
        var nodes = cluster.Nodes.OrderBy(n => n.Name, StringComparer.Ordinal).ToList();
        if (plugin.Prepare(pod, nodes, cluster) is not { } opinion) return null;
        long[] scores = [.. nodes.Select(opinion.Score)];
        opinion.Normalize(scores);
        return scores;
    }
}

/// <summary>Namespaces by name.</summary>
internal sealed class SomeNamespaces(params (string Name, (string, string)[] Labels)[] namespaces) : INamespaceLabels
{
    public IDictionary<string, string>? Of(string ns) => namespaces.Where(n => n.Name == ns).Select(n => Some.Labels(n.Labels)).FirstOrDefault();
}
