using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>The QoS class of a pod: from cpu and memory requests and limits of its containers, or of the pod itself where given.</summary>
internal static class QualityOfService
{
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

    /// <summary>The canonical quantity; null when absent or zero.</summary>
    private static string? Amount(JsonObject resources, string list, string name) =>
        resources.Object(list).Text(name) is { Length: > 0 } text && text != "0" ? text : null;
}
