using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client.Events;

namespace Bramble.Kubelet.Node;

/// <summary>What is told about the node when its status changes. Pure. Source: nodestatus/setters.go of upstream's kubelet.</summary>
internal static class NodeEvents
{
    private static readonly (string Condition, string True, string False)[] Pressures =
    [
        ("MemoryPressure", "NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
        ("DiskPressure", "NodeHasDiskPressure", "NodeHasNoDiskPressure"),
        ("PIDPressure", "NodeHasInsufficientPID", "NodeHasSufficientPID"),
        ("Ready", "NodeReady", "NodeNotReady"),
    ];

    /// <summary>Nodes' events carry the name in place of the uid, as kubelets always did.</summary>
    public static EventSubject About(string node) => new("v1", "Node", new NamespacedName("", node), node, "");

    /// <summary>The reasons of the conditions that change; a condition's first value is a change too. Their message is <see cref="Message"/>.</summary>
    /// <param name="before">The status that the API has; null: none yet.</param>
    public static IEnumerable<string> Changes(JsonObject? before, JsonObject now)
    {
        foreach (var (condition, whenTrue, whenFalse) in Pressures)
            if (StatusOf(now, condition) is { } status && StatusOf(before, condition) != status) yield return status == "True" ? whenTrue : whenFalse;
    }

    public static string Message(string node, string reason) => $"Node {node} status is now: {reason}";

    /// <summary>The machine has started anew since the status was written last; null: it has not, or nobody knows.</summary>
    public static string? Rebooted(string node, JsonObject? before, JsonObject now)
    {
        var (old, current) = ((string?)before?["nodeInfo"]?["bootID"], (string?)now["nodeInfo"]?["bootID"]);
        return string.IsNullOrEmpty(old) || string.IsNullOrEmpty(current) || old == current ? null : $"Node {node} has been rebooted, boot id: {current}";
    }

    private static string? StatusOf(JsonObject? status, string condition) =>
        (string?)(status?["conditions"] as JsonArray)?.FirstOrDefault(c => (string?)c?["type"] == condition)?["status"];
}
