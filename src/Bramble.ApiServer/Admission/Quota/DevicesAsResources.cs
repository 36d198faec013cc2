using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>Devices of a claim count as the extended resources their classes stand for too, so that a quota holds whichever way devices are asked for. KEP-5004.</summary>
internal static class DevicesAsResources
{
    private const string Annotation = "resource.kubernetes.io/extended-resource-claim";

    /// <summary>Every class is a resource of this name.</summary>
    private const string Implicit = "deviceclass.resource.kubernetes.io/";

    private static readonly GroupResource Classes = new("resource.k8s.io", "deviceclasses");
    private static readonly GroupResource Pods = new("", "pods");

    /// <param name="usage">Has the claim's devices by class.</param>
    public static void Add(Dictionary<string, Quantity> usage, JsonObject claim, IResourceReader reader, DateTimeOffset now)
    {
        Dictionary<string, Quantity> asResources = new(StringComparer.Ordinal);
        foreach (var (name, devices) in usage)
        {
            if (!name.EndsWith(QuotaUsage.OfDeviceClass, StringComparison.Ordinal)) continue;
            var className = name[..^QuotaUsage.OfDeviceClass.Length];
            if (reader.Find(Classes, new("", className))?.ToTree() is not { } found) continue;
            PodResources.Add(asResources, new() { [$"requests.{Implicit}{className}"] = devices });
            if (found.Object("spec").Text("extendedResourceName") is { Length: > 0 } named) PodResources.Add(asResources, new() { [$"requests.{named}"] = devices });
        }

        if (asResources.Count == 0) return;
        // What the Pod asks for was counted with the Pod.
        var ofPod = PodOf(claim, reader) is { } pod ? QuotaUsage.Of(Pods, pod, reader, now) : [];
        foreach (var (name, devices) in asResources)
            if (devices - ofPod.GetValueOrDefault(name) is { Sign: > 0 } rest) usage[name] = rest;
    }

    /// <summary>The Pod that the scheduler made the claim for; null: it is nobody's, or pretends.</summary>
    private static JsonObject? PodOf(JsonObject claim, IResourceReader reader)
    {
        if (OwnerOf(claim) is not { } owner || owner.Text("kind") != "Pod" || owner.Text("apiVersion") != "v1") return null;
        var ns = claim.ObjectNamespace();
        if (reader.Find(Pods, new(ns, owner.Text("name"))) is not { } pod || pod.Uid != owner.Text("uid")) return null;
        var tree = pod.ToTree();
        if (tree.Object("status").Object("extendedResourceClaimStatus") is { } told) return told.Text("resourceClaimName") == claim.ObjectName() ? tree : null;
        // The Pod does not say yet which is its claim: the first that was made for it.
        foreach (var other in reader.List(QuotaUsage.DeviceClaims, ns))
            if (other.ToTree() is var made && OwnerOf(made)?.Text("uid") == pod.Uid && string.CompareOrdinal(Order(made), Order(claim)) < 0) return null;
        return tree;
    }

    private static JsonObject? OwnerOf(JsonObject claim)
    {
        if (claim.Annotations().Text(Annotation) != "true") return null;
        foreach (var (_, owner) in claim.Object("metadata").Items("ownerReferences"))
            if (owner.Bool("controller")) return owner;
        return null;
    }

    /// <summary>By age, then by name; one that is being made is the youngest.</summary>
    private static string Order(JsonObject claim) => $"{(claim.Object("metadata").Text("creationTimestamp") is { Length: > 0 } at ? at : "~")} {claim.ObjectName()}";
}
