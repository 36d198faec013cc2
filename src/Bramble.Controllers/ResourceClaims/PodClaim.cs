using System.Text.Json.Nodes;
using Bramble.Client.Placement;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ResourceClaims;

/// <summary>A claim that a Pod asks for by template, and what becomes of it. Pure. KEP-3063.</summary>
/// <param name="Name">What the Pod calls it.</param>
internal abstract record PodClaim(string Name)
{
    /// <summary>Somebody decided that none is needed.</summary>
    public sealed record None(string Name) : PodClaim(Name);

    public sealed record Made(string Name, string Claim) : PodClaim(Name);

    public sealed record Make(string Name, string Template) : PodClaim(Name);

    /// <summary>A Pod that has ended needs no claims: made anew they would be taken back at once, over and over. Nor does one that goes.</summary>
    public static bool IsWantedBy(V1Pod pod) => pod.IsActive();

    /// <param name="own">The claims that the Pod controls.</param>
    /// <returns>In the order of the Pod's.</returns>
    public static List<PodClaim> Decide(V1Pod pod, IReadOnlyList<Resourcev1ResourceClaim> own)
    {
        var claims = new List<PodClaim>();
        foreach (var wanted in pod.Spec.ResourceClaims ?? [])
        {
            if (wanted.ResourceClaimTemplateName is not { } template) continue;
            if (ClaimNames.TryGet(pod, wanted, out var known) && known is null) claims.Add(new None(wanted.Name));
            else claims.Add(Find(pod, own, wanted.Name, known) is { } found ? new Made(wanted.Name, found) : new Make(wanted.Name, template));
        }
        return claims;
    }

    /// <returns>What the Pod's status is to say of its claims; null: it says so.</returns>
    public static JsonArray? Statuses(V1Pod pod, IReadOnlyList<PodClaim> claims)
    {
        if (claims.All(c => pod.Status?.ResourceClaimStatuses?.Any(s => s.Name == c.Name && s.ResourceClaimName == (c as Made)?.Claim) == true)) return null;
        var statuses = new JsonArray();
        foreach (var claim in claims)
        {
            var status = new JsonObject { ["name"] = claim.Name };
            if (claim is Made made) status["resourceClaimName"] = made.Claim;
            statuses.Add((JsonNode)status);
        }
        return statuses;
    }

    /// <summary>The one that the Pod's status names, or one that was made and is not named yet. Another namespace's claims are nobody's here, whomever they name.</summary>
    private static string? Find(V1Pod pod, IReadOnlyList<Resourcev1ResourceClaim> own, string name, string? known)
    {
        string? made = null;
        foreach (var claim in own)
        {
            if (claim.Metadata.NamespaceProperty != pod.Metadata.NamespaceProperty) continue;
            if (claim.Metadata.Name == known) return known;
            if (made is null && claim.Metadata.Annotation(ClaimOfTemplate.PodClaimName) == name) made = claim.Metadata.Name;
        }
        return made;
    }
}
