using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.ApiServer.Strategies;

/// <summary>The QoS class of a pod: from cpu and memory requests and limits of its containers, or of the pod itself where given.</summary>
internal static class QualityOfService
{
    /// <summary>The class a pod was given when it was made; what it would be given now where it says none.</summary>
    public static string OfPod(JsonObject pod) => pod.Object("status").Text("qosClass") is { Length: > 0 } given ? given : Of(pod.Object("spec") ?? []);

    public static string Of(JsonObject spec)
    {
        if (spec.Object("resources") is { } pod) return Class([pod]);
        var resources = new List<JsonObject>();
        foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
            foreach (var (_, container) in spec.Items(list)) resources.Add(container.Object("resources") ?? []);
        return Class(resources);
    }

    private static string Class(IReadOnlyList<JsonObject> all)
    {
        var (isGuaranteed, isBestEffort) = (true, true);
        foreach (var resources in all)
        {
            foreach (var name in (ReadOnlySpan<string>)["cpu", "memory"])
            {
                var (request, limit) = (Amount(resources, "requests", name), Amount(resources, "limits", name));
                if (request is not null || limit is not null) isBestEffort = false;
                if (limit is null || request != limit) isGuaranteed = false;
            }
        }

        return isBestEffort ? "BestEffort" : isGuaranteed ? "Guaranteed" : "Burstable";
    }

    /// <summary>By value: 1Gi and 1073741824 are the same. Null when absent or zero.</summary>
    private static Quantity? Amount(JsonObject resources, string list, string name) =>
        ResourceRules.Amount(resources.Object(list), name) is { Sign: > 0 } quantity ? quantity : null;
}
