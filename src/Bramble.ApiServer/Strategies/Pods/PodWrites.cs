using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What a write of one of a Pod's subresources leaves as it was.</summary>
internal static class PodWrites
{
    public static void KeepAllButStatus(JsonObject pod, JsonObject old)
    {
        pod.KeepFrom(old, "spec");
        var metadata = pod.Child("metadata");
        metadata.Remove("deletionTimestamp");
        // Old kubelets write owner references back in a way that breaks garbage collection.
        metadata.KeepFrom(old.Object("metadata") ?? [], "ownerReferences");
        var (status, before) = (pod.Child("status"), old.Object("status") ?? []);
        if (status.Text("qosClass").Length == 0) status.KeepFrom(before, "qosClass");
        KeepObservedGenerations(status, before);
    }

    public static void KeepAllButEphemeralContainers(JsonObject pod, JsonObject old)
    {
        var added = pod.Object("spec").Array("ephemeralContainers")?.DeepClone();
        KeepSpecAndStatus(pod, old);
        var spec = pod.Child("spec");
        spec.Remove("ephemeralContainers");
        if (added is not null) spec["ephemeralContainers"] = added;
    }

    public static void KeepAllButResources(JsonObject pod, JsonObject old)
    {
        var (spec, before) = (pod.Object("spec") ?? [], old.Object("spec") ?? []);
        // Added, removed, renamed or reordered containers are left for validation to refuse.
        if (spec.Count("containers") != before.Count("containers") || spec.Count("initContainers") != before.Count("initContainers")) return;
        var resources = spec.Object("resources")?.DeepClone();
        var lists = new[] { "containers", "initContainers" }.Select(list => (list, Resized(spec.Array(list), before.Array(list)))).ToList();
        KeepSpecAndStatus(pod, old);
        spec = pod.Child("spec");
        spec.Remove("resources");
        if (resources is not null) spec["resources"] = resources;
        foreach (var (list, containers) in lists)
            if (containers is not null) spec[list] = containers;
    }

    private static JsonNode? Resized(JsonArray? containers, JsonArray? before)
    {
        if (containers is null || before is null) return containers?.DeepClone();
        var merged = (JsonArray)before.DeepClone();
        for (var i = 0; i < containers.Count; i++)
        {
            if (containers[i] is not JsonObject wanted || merged[i] is not JsonObject kept || wanted.Text("name") != kept.Text("name")) return containers.DeepClone();
            kept.KeepFrom(wanted, "resources");
            kept.KeepFrom(wanted, "resizePolicy");
        }

        return merged;
    }

    private static void KeepSpecAndStatus(JsonObject pod, JsonObject old)
    {
        pod.KeepFrom(old, "spec");
        pod.KeepFrom(old, "status");
        pod.KeepMetaForStatus(old);
    }

    /// <summary>A client that does not know observedGeneration does not clear it.</summary>
    private static void KeepObservedGenerations(JsonObject status, JsonObject before)
    {
        if (status.Long("observedGeneration") == 0) status.KeepFrom(before, "observedGeneration");
        var seen = new Dictionary<string, Queue<long>>(StringComparer.Ordinal);
        foreach (var (_, condition) in before.Items("conditions"))
        {
            if (!seen.TryGetValue(condition.Text("type"), out var generations)) seen[condition.Text("type")] = generations = new();
            generations.Enqueue(condition.Long("observedGeneration"));
        }

        foreach (var (_, condition) in status.Items("conditions"))
        {
            if (!seen.TryGetValue(condition.Text("type"), out var generations) || !generations.TryDequeue(out var generation)) continue;
            if (condition.Long("observedGeneration") == 0 && generation != 0) condition["observedGeneration"] = generation;
        }
    }
}
