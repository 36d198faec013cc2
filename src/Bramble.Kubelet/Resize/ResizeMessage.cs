using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Resize;

/// <summary>The words of a resize's events: what is wanted, as JSON behind them (KEP-1287). Pure.</summary>
internal static class ResizeMessage
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(string what, V1Pod pod, long generation, string? error = null)
    {
        var summary = new JsonObject();
        if (List(pod.Spec.InitContainers) is { } inits) summary["initContainers"] = inits;
        if (List(pod.Spec.Containers) is { } containers) summary["containers"] = containers;
        summary["generation"] = generation;
        if (!string.IsNullOrEmpty(error)) summary["error"] = error;
        return $"{what}: {summary.ToJsonString(Plain)}";
    }

    private static JsonArray? List(IList<V1Container>? containers)
    {
        if (containers is not { Count: > 0 }) return null;
        var list = new JsonArray();
        foreach (var c in containers) list.Add((JsonNode)new JsonObject { ["name"] = c.Name, ["resources"] = PodStatusTree.Resources(c.Resources) });
        return list;
    }
}
