using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Placement;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>A pod's ResourceClaims are not ready: the text of the FailedPrepareDynamicResources event.</summary>
internal sealed class ClaimsNotReadyException(string message) : Exception(message);

/// <summary>Whether a pod's ResourceClaims let it start. Drivers of devices cannot register with this node, so a claim that has devices keeps its pod waiting, in the
/// words for a driver that is not there; started without its devices it would fail in ways that nobody could explain. Behaviour of pkg/kubelet/cm/dra, PrepareResources.</summary>
internal static class PodClaims
{
    /// <exception cref="ClaimsNotReadyException">With upstream's words.</exception>
    public static async Task CheckAsync(V1Pod pod, IKubeClient client, CancellationToken cancel)
    {
        foreach (var claim in pod.Spec.ResourceClaims ?? [])
        {
            if (!ClaimNames.TryGet(pod, claim, out var name)) throw new ClaimsNotReadyException($"pod \"{pod.Namespace()}/{pod.Name()}\": ResourceClaim not created yet");
            if (name is not null) await CheckAsync(pod, name, isOwned: claim.ResourceClaimName is null, client, cancel);
        }
    }

    private static async Task CheckAsync(V1Pod pod, string name, bool isOwned, IKubeClient client, CancellationToken cancel)
    {
        var claim = await client.FindModelAsync(Resources.ResourceClaims, new NamespacedName(pod.Namespace(), name), cancel)
            ?? throw new ClaimsNotReadyException($"fetch ResourceClaim {name}: resourceclaims.resource.k8s.io \"{name}\" not found");
        if (isOwned && claim.Metadata.OwnerReferences?.Any(owner => owner.Controller == true && owner.Uid == pod.Uid()) != true)
            throw new ClaimsNotReadyException($"ResourceClaim {pod.Namespace()}/{name} was not created for pod {pod.Namespace()}/{pod.Name()} (pod is not owner)");
        if (claim.Status?.ReservedFor?.Any(consumer => consumer.Uid == pod.Uid()) != true)
            throw new ClaimsNotReadyException($"pod {pod.Name()} ({pod.Uid()}) is not allowed to use ResourceClaim {name} ({claim.Uid()})");
        if (claim.Status.Allocation is not { } allocation) throw new ClaimsNotReadyException($"ResourceClaim {name}: not allocated");
        if (allocation.Devices?.Results?.FirstOrDefault() is { } device) throw new ClaimsNotReadyException($"DRA driver {device.Driver} is not registered");
    }
}
