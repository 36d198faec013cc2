using k8s.Models;

namespace Bramble.Client.Placement;

/// <summary>The ResourceClaims of a Pod: those that it names, and those that were made for it from a template, which its status names (KEP-3063).</summary>
public static class ClaimNames
{
    /// <param name="name">Null: none is needed.</param>
    /// <returns>False: it is not made yet.</returns>
    public static bool TryGet(V1Pod pod, V1PodResourceClaim claim, out string? name)
    {
        name = claim.ResourceClaimName;
        if (name is not null || claim.ResourceClaimTemplateName is null) return true;
        if (pod.Status?.ResourceClaimStatuses?.FirstOrDefault(status => status.Name == claim.Name) is not { } made) return false;
        name = made.ResourceClaimName;
        return true;
    }

    /// <summary>All that are made.</summary>
    public static IEnumerable<string> Of(V1Pod pod)
    {
        foreach (var claim in pod.Spec.ResourceClaims ?? [])
            if (TryGet(pod, claim, out var name) && name is not null) yield return name;
    }
}
