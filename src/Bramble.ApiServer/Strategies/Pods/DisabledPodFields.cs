using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Strategies;

/// <summary>Fields of features that are off in 1.36 (ContainerStopSignals, GenericWorkload, ClusterTrustBundleProjection, PodCertificateRequest, ImageVolumeWithDigest,
/// DRANodeAllocatableResources): they go silently from Pods and templates, unless the old object has them. Behaviour of pkg/api/pod's dropDisabledFields.</summary>
internal static class DisabledPodFields
{
    private static readonly string[] ContainerLists = ["initContainers", "containers", "ephemeralContainers"];
    private static readonly string[] StatusLists = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
    private static readonly string[] Projections = ["clusterTrustBundle", "podCertificate"];

    /// <param name="obj">A Pod, or something with a template of Pods; others are left alone.</param>
    public static void Drop(GroupResource resource, JsonObject obj, JsonObject? old)
    {
        var isPod = resource is { Group: "", Resource: "pods" };
        var spec = (isPod ? obj : TemplateOf(resource, obj)).Object("spec");
        if (spec is not null) DropFromSpec(spec, (isPod ? old : TemplateOf(resource, old)).Object("spec"));
        if (isPod) DropFromStatus(obj.Object("status"), old.Object("status"));
    }

    /// <summary>The template of the Pods that a workload makes; null: it makes none.</summary>
    public static JsonObject? TemplateOf(GroupResource resource, JsonObject? obj) => (resource.Group, resource.Resource) switch
    {
        ("apps", "deployments" or "replicasets" or "statefulsets" or "daemonsets") or ("batch", "jobs") or ("", "replicationcontrollers") => obj.Object("spec").Object("template"),
        ("batch", "cronjobs") => obj.Object("spec").Object("jobTemplate").Object("spec").Object("template"),
        ("", "podtemplates") => obj.Object("template"),
        _ => null,
    };

    private static void DropFromSpec(JsonObject spec, JsonObject? old)
    {
        if (!old.Has("schedulingGroup")) spec.Remove("schedulingGroup");
        foreach (var projection in Projections)
            if (!Projects(old, projection)) DropProjection(spec, projection);
        if (HasStopSignal(old)) return;
        foreach (var list in ContainerLists)
            foreach (var (_, container) in spec.Items(list))
                if (container.Object("lifecycle") is { } lifecycle && lifecycle.Remove("stopSignal") && !lifecycle.Has("postStart") && !lifecycle.Has("preStop")) container.Remove("lifecycle");
    }

    private static bool HasStopSignal(JsonObject? spec)
    {
        foreach (var list in ContainerLists)
            foreach (var (_, container) in spec.Items(list))
                if (container.Object("lifecycle").Has("stopSignal")) return true;
        return false;
    }

    private static bool Projects(JsonObject? spec, string projection)
    {
        foreach (var (_, volume) in spec.Items("volumes"))
            foreach (var (_, source) in volume.Object("projected").Items("sources"))
                if (source.Has(projection)) return true;
        return false;
    }

    private static void DropProjection(JsonObject spec, string projection)
    {
        foreach (var (_, volume) in spec.Items("volumes"))
            foreach (var (_, source) in volume.Object("projected").Items("sources")) source.Remove(projection);
    }

    private static void DropFromStatus(JsonObject? status, JsonObject? old)
    {
        if (old.Count("nodeAllocatableResourceClaimStatuses") == 0) status?.Remove("nodeAllocatableResourceClaimStatuses");
        if (HasVolumeStatus(old)) return;
        foreach (var list in StatusLists)
            foreach (var (_, container) in status.Items(list))
                foreach (var (_, mount) in container.Items("volumeMounts")) mount.Remove("volumeStatus");
    }

    private static bool HasVolumeStatus(JsonObject? status)
    {
        foreach (var list in StatusLists)
            foreach (var (_, container) in status.Items(list))
                foreach (var (_, mount) in container.Items("volumeMounts"))
                    if (mount.Has("volumeStatus")) return true;
        return false;
    }
}
