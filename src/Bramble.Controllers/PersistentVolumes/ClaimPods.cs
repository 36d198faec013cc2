using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>The Pods of a claim.</summary>
internal static class ClaimPods
{
    /// <summary>By the claim's namespace and name.</summary>
    public const string ByClaim = "claims/claim";

    public static IEnumerable<string> Claims(V1Pod pod) => [.. pod.ClaimNames().Select(c => $"{pod.Metadata.NamespaceProperty}/{c}")];
}
