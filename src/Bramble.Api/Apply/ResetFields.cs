using System.Collections.Frozen;
using Bramble.Api.Naming;

namespace Bramble.Api.Apply;

/// <summary>Fields that a write to an endpoint does not touch whatever the body says, so that nobody comes to own them there (the strategies' GetResetFields).</summary>
internal static class ResetFields
{
    private static readonly FieldSet None = new();
    private static readonly FieldSet Status = FieldSet.Of(["status"]);
    private static readonly FieldSet Spec = FieldSet.Of(["spec"]);
    private static readonly FieldSet SpecAndMetadata = FieldSet.Of(["spec"], ["metadata"]);

    private static readonly FrozenSet<string> WithStatus = new[]
    {
        "validatingadmissionpolicies.admissionregistration.k8s.io", "customresourcedefinitions.apiextensions.k8s.io", "apiservices.apiregistration.k8s.io",
        "daemonsets.apps", "deployments.apps", "replicasets.apps", "statefulsets.apps", "horizontalpodautoscalers.autoscaling", "cronjobs.batch", "jobs.batch",
        "namespaces", "nodes", "persistentvolumes", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "services",
        "flowschemas.flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "ingresses.networking.k8s.io",
        "servicecidrs.networking.k8s.io", "poddisruptionbudgets.policy", "devicetaintrules.resource.k8s.io", "resourceclaims.resource.k8s.io",
        "podgroups.scheduling.k8s.io", "volumeattachments.storage.k8s.io", "storageversionmigrations.storagemigration.k8s.io",
        "storageversions.internal.apiserver.k8s.io",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string> StatusKeepsMetadata = new[]
    {
        "validatingadmissionpolicies.admissionregistration.k8s.io", "apiservices.apiregistration.k8s.io",
        "flowschemas.flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "servicecidrs.networking.k8s.io",
        "devicetaintrules.resource.k8s.io", "resourceclaims.resource.k8s.io", "podgroups.scheduling.k8s.io", "volumeattachments.storage.k8s.io",
        "storageversionmigrations.storagemigration.k8s.io", "storageversions.internal.apiserver.k8s.io",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly string[][] Ephemeral = [["spec", "ephemeralContainers"]];

    private static readonly string[][] Resize =
    [
        ["spec", "containers", "*", "resources"], ["spec", "containers", "*", "resizePolicy"], ["spec", "initContainers", "*", "resources"], ["spec", "initContainers", "*", "resizePolicy"],
    ];

    /// <summary>The paths of the only fields an endpoint writes; null: it is not so narrow.</summary>
    public static string[][]? OnlyOf(GroupResource resource, string subresource) => (resource.ToString(), subresource) switch
    {
        ("pods", "ephemeralcontainers") => Ephemeral,
        ("pods", "resize") => Resize,
        _ => null,
    };

    /// <summary>Of a custom resource: where its status is a subresource, that endpoint writes nothing else; where it is none, it is a field like others.</summary>
    public static FieldSet OfCustom(string subresource, bool hasStatus) => (subresource, hasStatus) switch
    {
        ("", true) => Status,
        ("status", true) => SpecAndMetadata,
        _ => None,
    };

    public static FieldSet Of(GroupResource resource, string subresource)
    {
        var name = resource.ToString();
        if (name == "certificatesigningrequests.certificates.k8s.io") return CertificateSigningRequests(subresource);
        switch (subresource)
        {
            case "":
                return WithStatus.Contains(name) ? Status : None;
            case "status" when name == "deployments.apps":
                return FieldSet.Of(["spec"], ["metadata", "labels"]);
            case "status" when name == "pods":
                return FieldSet.Of(["spec"], ["metadata", "deletionTimestamp"], ["metadata", "ownerReferences"]);
            case "status":
                return StatusKeepsMetadata.Contains(name) ? SpecAndMetadata : Spec;
            case "finalize":
                return Status;
            default:
                return None;
        }
    }

    private static FieldSet CertificateSigningRequests(string subresource) => subresource switch
    {
        "status" => FieldSet.Of(["spec"], ["status", "conditions"]),
        "approval" => FieldSet.Of(["spec"], ["status", "certificate"]),
        _ => FieldSet.Of(["spec"], ["status"]),
    };
}
