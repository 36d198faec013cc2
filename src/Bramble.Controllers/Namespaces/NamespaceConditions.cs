using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Workloads;

namespace Bramble.Controllers.Namespaces;

/// <summary>What a namespace that is being deleted still holds.</summary>
internal sealed class NamespaceRemains
{
    public SortedDictionary<string, int> Counts { get; } = new(StringComparer.Ordinal);
    public SortedDictionary<string, int> Finalizers { get; } = new(StringComparer.Ordinal);
    public List<string> Failures { get; } = [];

    /// <summary>Versions of other servers' APIs that do not answer: nobody knows what of theirs is in the namespace.</summary>
    public SortedSet<string> Unknown { get; } = new(StringComparer.Ordinal);

    public bool IsEmpty => Counts.Count == 0 && Failures.Count == 0 && Unknown.Count == 0;

    /// <summary>Only Pods were looked at: the rest stays until they are gone. Upstream says what remains only when it has looked at everything.</summary>
    public bool IsPodsOnly { get; set; }

    /// <param name="grace">Some of the items have time left to end in.</param>
    public void Note(ResourceId resource, string ns, IReadOnlyList<KubeObject> items, bool grace)
    {
        Counts[$"{resource.Plural}.{resource.Group}"] = items.Count;
        var hasFinalizers = false;
        foreach (var item in items)
        {
            foreach (var finalizer in item.ToTree()["metadata"]?["finalizers"] as JsonArray ?? [])
            {
                if ((string?)finalizer is not { } name) continue;
                Finalizers[name] = Finalizers.GetValueOrDefault(name) + 1;
                hasFinalizers = true;
            }
        }
        // Nothing holds it, and it is there all the same.
        if (!hasFinalizers && !grace) Failures.Add($"unexpected items still remain in namespace: {ns} for gvr: {resource.Group}/{resource.Version}, Resource={resource.Plural}");
    }

    /// <summary>Whether Pods may still be ending: the longest of their grace periods is not over since the namespace was deleted.</summary>
    public static bool HasGrace(IReadOnlyList<KubeObject> pods, DateTimeOffset deletedAt, DateTimeOffset now) => pods.Select(p => p.ToTree())
        .Where(p => (string?)p["status"]?["phase"] is not ("Succeeded" or "Failed"))
        .Any(p => (long?)p["spec"]?["terminationGracePeriodSeconds"] is { } seconds && now - deletedAt < TimeSpan.FromSeconds(seconds));
}

/// <summary>The conditions by which <c>kubectl get namespace -o yaml</c> says why a namespace does not go.</summary>
internal static class NamespaceConditions
{
    /// <returns>True: something changed.</returns>
    public static bool Apply(JsonObject ns, NamespaceRemains remains, DateTimeOffset now)
    {
        var status = ns["status"]?.DeepClone().AsObject() ?? [];
        if (remains.Unknown.Count > 0)
            status.SetCondition("NamespaceDeletionDiscoveryFailure", true, "DiscoveryFailed",
                $"Discovery failed for some groups, {remains.Unknown.Count} failing: unable to retrieve the complete list of server APIs: "
                + string.Join(", ", remains.Unknown.Select(v => $"{v}: stale GroupVersion discovery: {v}")), now);
        else
            status.SetCondition("NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered", "All resources successfully discovered", now);
        status.SetCondition("NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions", "All legacy kube types successfully parsed", now);
        if (remains.Failures.Count > 0)
            status.SetCondition("NamespaceDeletionContentFailure", true, "ContentDeletionFailed",
                $"Failed to delete all resource types, {remains.Failures.Count} remaining: {string.Join(", ", remains.Failures.Order(StringComparer.Ordinal))}", now);
        else
            status.SetCondition("NamespaceDeletionContentFailure", false, "ContentDeleted", "All content successfully deleted, may be waiting on finalization", now);
        if (remains.Counts.Count > 0 && !remains.IsPodsOnly)
            status.SetCondition("NamespaceContentRemaining", true, "SomeResourcesRemain",
                $"Some resources are remaining: {string.Join(", ", remains.Counts.Select(c => $"{c.Key} has {c.Value} resource instances"))}", now);
        else
            status.SetCondition("NamespaceContentRemaining", false, "ContentRemoved", "All content successfully removed", now);
        if (remains.Finalizers.Count > 0 && !remains.IsPodsOnly)
            status.SetCondition("NamespaceFinalizersRemaining", true, "SomeFinalizersRemain",
                $"Some content in the namespace has finalizers remaining: {string.Join(", ", remains.Finalizers.Select(c => $"{c.Key} in {c.Value} resource instances"))}", now);
        else
            status.SetCondition("NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers", "All content-preserving finalizers finished", now);
        if (JsonNode.DeepEquals(status, ns["status"])) return false;
        ns["status"] = status;
        return true;
    }
}
