using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Workloads;

namespace Bramble.Controllers.ResourceClaims;

/// <summary>The ResourceClaim that is made for a Pod of a template. Pure. KEP-3063.</summary>
internal static class ClaimOfTemplate
{
    /// <summary>Which of its Pod's claims it is: one that the Pod's status does not name yet is found by it.</summary>
    public const string PodClaimName = "resource.kubernetes.io/pod-claim-name";

    /// <param name="template">As it is known; null: it is not there.</param>
    /// <exception cref="InvalidDataException">There is no such template.</exception>
    public static JsonObject Body(KubeObject pod, PodClaim.Make wanted, KubeObject? template)
    {
        if (template?.ToTree()["spec"] is not JsonObject spec)
            throw new InvalidDataException($"resource claim template \"{wanted.Template}\": resourceclaimtemplate.resource.k8s.io \"{wanted.Template}\" not found");
        var annotations = spec["metadata"]?["annotations"]?.DeepClone().AsObject() ?? [];
        annotations[PodClaimName] = wanted.Name;
        var owner = Owner.Of(Resources.Pods, pod).Reference();
        owner.Remove("blockOwnerDeletion");     // a Pod need not wait for its claims
        return new JsonObject
        {
            ["apiVersion"] = "resource.k8s.io/v1",
            ["kind"] = "ResourceClaim",
            ["metadata"] = new JsonObject
            {
                ["generateName"] = GenerateName(pod.Name.Name, wanted.Name),
                ["namespace"] = pod.Name.Namespace,
                ["labels"] = spec["metadata"]?["labels"]?.DeepClone(),
                ["annotations"] = annotations,
                ["ownerReferences"] = new JsonArray((JsonNode)owner),
            },
            ["spec"] = spec["spec"]!.DeepClone(),
        };
    }

    /// <summary>Room for the hyphen and five characters in a name of 63: where both names are too long each gives its share.</summary>
    public static string GenerateName(string pod, string claim)
    {
        const int room = 57;
        var whole = $"{pod}-{claim}-";
        return whole.Length <= room ? whole : $"{pod[..(pod.Length * room / whole.Length)]}-{claim[..(claim.Length * room / whole.Length)]}";
    }
}
