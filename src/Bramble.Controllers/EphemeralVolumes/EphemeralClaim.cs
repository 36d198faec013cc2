using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.EphemeralVolumes;

/// <summary>The claim of a generic ephemeral volume: the Pod's, made of the volume's template. Pure. KEP-1698.</summary>
internal static class EphemeralClaim
{
    public static NamespacedName NameOf(KubeObject pod, string volume) => new(pod.Name.Namespace, $"{pod.Name.Name}-{volume}");

    /// <param name="known">What is there under its name.</param>
    /// <returns>What is to be made; null: it is there.</returns>
    /// <exception cref="InvalidDataException">Another's claim has the name.</exception>
    public static JsonObject? Decide(KubeObject pod, string volume, JsonObject template, V1PersistentVolumeClaim? known)
    {
        var name = NameOf(pod, volume);
        if (known is not null) return known.IsControlledBy(pod.Uid) ? null : throw new InvalidDataException($"PVC {name} was not created for pod {pod.Name} (pod is not owner)");
        var metadata = new JsonObject
        {
            ["name"] = name.Name,
            ["namespace"] = name.Namespace,
            ["ownerReferences"] = new JsonArray((JsonNode)Owner.Of(Resources.Pods, pod).Reference()),
        };
        foreach (var field in (string[])["labels", "annotations"])
            if (template["metadata"]?[field] is { } value) metadata[field] = value.DeepClone();
        return new JsonObject { ["apiVersion"] = "v1", ["kind"] = "PersistentVolumeClaim", ["metadata"] = metadata, ["spec"] = template["spec"]!.DeepClone() };
    }
}
