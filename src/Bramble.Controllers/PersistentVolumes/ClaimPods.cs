using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>The Pods of a claim. Pure.</summary>
internal static class ClaimPods
{
    /// <summary>By the claim's namespace and name.</summary>
    public const string ByClaim = "claims/claim";

    public static IEnumerable<string> Claims(V1Pod pod) => [.. pod.ClaimNames().Select(c => $"{pod.Metadata.NamespaceProperty}/{c}")];

    /// <summary>The Pod keeps the claim from going. Only Pods with a node do: a kubelet starts none with a claim that is going. A finished one still does, until it is
    /// removed, but not for a claim of its own (an ephemeral volume's) that its kubelet is done with.</summary>
    public static bool Uses(V1Pod pod, V1PersistentVolumeClaim claim) => !string.IsNullOrEmpty(pod.Spec.NodeName) && (pod.Spec.Volumes ?? []).Any(v =>
        v.PersistentVolumeClaim?.ClaimName == claim.Metadata.Name
        || (v.Ephemeral is not null && $"{pod.Metadata.Name}-{v.Name}" == claim.Metadata.Name && claim.IsControlledBy(pod.Metadata.Uid) && !IsShutDown(pod)));

    /// <summary>The claims that may be free after a change of a Pod: it is gone, or its kubelet is done with it.</summary>
    public static IEnumerable<NamespacedName> MaybeFree(V1Pod? old, V1Pod? now)
    {
        // A Pod that has replaced another of its name says nothing of the other's claims.
        var isReplaced = old is not null && now is not null && old.Metadata.Uid != now.Metadata.Uid;
        if (now is not null && !isReplaced && !IsShutDown(now)) return [];
        var pod = (old ?? now)!;
        return pod.ClaimNames().Select(claim => new NamespacedName(pod.Metadata.NamespaceProperty, claim));
    }

    /// <summary>Its kubelet is done with it.</summary>
    private static bool IsShutDown(V1Pod pod) => pod.IsBeingDeleted() && pod.Metadata.DeletionGracePeriodSeconds == 0;
}
