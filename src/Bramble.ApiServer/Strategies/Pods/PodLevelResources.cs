using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of the resources of a whole pod from those of its containers (KEP-2837).</summary>
internal static class PodLevelResources
{
    public static bool IsSupported(string resource) => resource is "cpu" or "memory" || resource.StartsWith("hugepages-", StringComparison.Ordinal);

    public static void Default(JsonObject spec)
    {
        if (spec.Object("resources") is not { } resources) return;
        DefaultHugePageLimits(spec, resources);
        if (resources.Count("limits") == 0) return;
        var requests = resources.Object("requests") ?? [];
        foreach (var (name, amount) in PodResources.OfContainers(spec, "requests"))
            if (!requests.Has(name) && name is "cpu" or "memory") requests[name] = amount.ToString();
        foreach (var (name, limit) in resources.Object("limits")!)
            if (!requests.Has(name) && IsSupported(name)) requests[name] = limit?.DeepClone();
        if (requests.Count > 0 && resources.Object("requests") is null) resources["requests"] = requests;
    }

    private static void DefaultHugePageLimits(JsonObject spec, JsonObject resources)
    {
        if (resources.Count("limits") == 0 && resources.Count("requests") == 0) return;
        var limits = resources.Object("limits") ?? [];
        foreach (var (name, amount) in PodResources.OfContainers(spec, "limits"))
        {
            if (!name.StartsWith("hugepages-", StringComparison.Ordinal) || resources.Object("requests").Has(name) || limits.Has(name)) continue;
            limits[name] = amount.ToString();
        }

        if (limits.Count > 0 && resources.Object("limits") is null) resources["limits"] = limits;
    }
}
