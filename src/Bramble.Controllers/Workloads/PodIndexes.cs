using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Workloads;

/// <summary>Finds the Pods that a controller may own without looking at all of them.</summary>
internal static class PodIndexes
{
    public const string ByNamespaceOrOwner = "controllers/owner";

    /// <summary>Its controller's uid, or for an orphan <c>ns/</c> with its namespace.</summary>
    public static IEnumerable<string> NamespaceOrOwner(V1Pod pod) => [pod.ControllerRef()?.Uid ?? $"ns/{pod.Metadata.NamespaceProperty}"];

    /// <summary>A Pod of another namespace that names the owner is not the owner's: whoever may write there would have a say here.</summary>
    public static List<V1Pod> OwnedOrOrphaned(IInformer<V1Pod> pods, string ns, string uid) =>
        [.. pods.ByIndex(ByNamespaceOrOwner, uid).Where(p => p.Metadata.NamespaceProperty == ns), .. pods.ByIndex(ByNamespaceOrOwner, $"ns/{ns}")];
}
