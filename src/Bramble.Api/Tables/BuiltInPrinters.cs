using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.Api.Tables;

/// <summary>All printers of built-in kinds: a new one is a line here and a method in the file of its area.</summary>
internal static class BuiltInPrinters
{
    private const string Workload = "|Containers/1|Images/1|Selector/1";
    private const string Event = "Last Seen|Type|Reason|Object|Subobject/1|Source/1|Message|First Seen/1|Count/1|Name:name/1";
    private const string Autoscaler = "Name:name|Reference|Targets|MinPods|MaxPods|Replicas|Age";
    private const string Binding = "Name:name|Role|Age|Users/1|Groups/1|ServiceAccounts/1";

    /// <summary>What a kind without a printer shows.</summary>
    public static readonly TablePrinter Generic = new(
        "Name:name|Created At:date",
        (o, _) => new JsonArray(o.Name(), o.Time("metadata", "creationTimestamp") is { } time ? time.ToString("yyyy-MM-ddTHH:mm:ssZ") : "0001-01-01T00:00:00Z"))
    { WritesNullForNoRows = true };

    // A name without upstream's mark of a name. The descriptions are the API's own.
    private static readonly IReadOnlyList<TableColumn> ScaleColumns =
    [
        new("Name", Description: "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. "
            + "Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"),
        new("Desired", "integer", Description: "replicas is the desired number of instances for the scaled object."),
        new("Available", "integer", Description: "replicas is the actual number of observed instances of the scaled object."),
        new("Age", Description: "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. "
            + "Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. "
            + "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"),
    ];

    private static readonly FrozenDictionary<(string Group, string Kind), TablePrinter> Printers = new Dictionary<(string, string), TablePrinter>
    {
        [("", "Pod")] = new("Name:name|Ready|Status|Restarts|Age|IP/1|Node/1|Nominated Node/1|Readiness Gates/1", PodRow.Cells) { RowConditions = PodRow.Conditions },
        [("", "PodTemplate")] = new("Name:name|Containers|Images|Pod Labels", WorkloadRows.PodTemplate),
        [("", "ReplicationController")] = new("Name:name|Desired:integer|Current:integer|Ready:integer|Age" + Workload, WorkloadRows.ReplicationController),
        [("apps", "ReplicaSet")] = new("Name:name|Desired:integer|Current:integer|Ready:integer|Age" + Workload, WorkloadRows.ReplicaSet),
        [("apps", "DaemonSet")] = new(
            "Name:name|Desired:integer|Current:integer|Ready:integer|Up-to-date:integer|Available:integer|Node Selector|Age" + Workload, WorkloadRows.DaemonSet)
        { FieldAnnotation = "deprecated.daemonset.template.generation" },
        [("apps", "Deployment")] = new("Name:name|Ready|Up-to-date|Available|Age" + Workload, WorkloadRows.Deployment),
        [("apps", "StatefulSet")] = new("Name:name|Ready|Age|Containers/1|Images/1", WorkloadRows.StatefulSet),
        [("apps", "ControllerRevision")] = new("Name:name|Controller|Revision|Age", WorkloadRows.ControllerRevision),
        [("batch", "Job")] = new("Name:name|Status|Completions|Duration|Age" + Workload, WorkloadRows.Job),
        [("batch", "CronJob")] = new("Name:name|Schedule|Timezone|Suspend:boolean|Active:integer|Last Schedule|Age" + Workload, WorkloadRows.CronJob),
        [("policy", "PodDisruptionBudget")] = new("Name:name|Min Available|Max Unavailable|Allowed Disruptions:integer|Age", WorkloadRows.PodDisruptionBudget),
        [("autoscaling", "HorizontalPodAutoscaler")] = new(Autoscaler, AutoscalerRow.Cells) { PrintedAs = new("autoscaling", "v2", "HorizontalPodAutoscaler") },
        [("autoscaling", "Scale")] = new(ScaleColumns, WorkloadRows.Scale),
        [("scheduling.k8s.io", "PriorityClass")] = new("Name:name|Value:integer|Global-Default:boolean|Age|PreemptionPolicy", WorkloadRows.PriorityClass),

        [("", "Service")] = new("Name:name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector/1", NetworkRows.Service),
        [("", "Endpoints")] = new("Name:name|Endpoints|Age", NetworkRows.Endpoints),
        [("discovery.k8s.io", "EndpointSlice")] = new("Name:name|AddressType|Ports|Endpoints|Age", NetworkRows.EndpointSlice),
        [("networking.k8s.io", "Ingress")] = new("Name:name|Class|Hosts|Address|Ports|Age", NetworkRows.Ingress),
        [("networking.k8s.io", "IngressClass")] = new("Name:name|Controller|Parameters|Age", NetworkRows.IngressClass),
        [("networking.k8s.io", "NetworkPolicy")] = new("Name:name|Pod-Selector|Age", NetworkRows.NetworkPolicy),
        [("networking.k8s.io", "ServiceCIDR")] = new("Name:name|CIDRs|Age", NetworkRows.ServiceCIDR),
        [("networking.k8s.io", "IPAddress")] = new("Name:name|ParentRef", NetworkRows.IPAddress),

        [("", "PersistentVolume")] = new(
            "Name:name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode/1", StorageRows.PersistentVolume),
        [("", "PersistentVolumeClaim")] = new(
            "Name:name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode/1", StorageRows.PersistentVolumeClaim),
        [("storage.k8s.io", "StorageClass")] = new("Name:name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age", StorageRows.StorageClass),
        [("storage.k8s.io", "VolumeAttributesClass")] = new("Name:name|DriverName|Age", StorageRows.VolumeAttributesClass),
        [("storage.k8s.io", "VolumeAttachment")] = new("Name:name|Attacher:name|PV|Node|Attached:boolean|Age", StorageRows.VolumeAttachment),
        [("storage.k8s.io", "CSINode")] = new("Name:name|Drivers:integer|Age", StorageRows.CSINode),
        [("storage.k8s.io", "CSIDriver")] = new(
            "Name:name|AttachRequired:boolean|PodInfoOnMount:boolean|StorageCapacity:boolean|TokenRequests|RequiresRepublish:boolean|Modes|Age", StorageRows.CSIDriver),

        [("", "Node")] = new("Name:name|Status|Roles|Age|Version|Internal-IP/1|External-IP/1|OS-Image/1|Kernel-Version/1|Container-Runtime/1", NodeRow.Cells),
        [("", "Namespace")] = new("Name:name|Status|Age", ClusterRows.Namespace),
        [("", "ConfigMap")] = new("Name:name|Data|Age", ClusterRows.ConfigMap),
        [("", "Secret")] = new("Name:name|Type|Data|Age", ClusterRows.Secret),
        [("", "ServiceAccount")] = new("Name:name|Age", ClusterRows.NameAndAge),
        [("", "ComponentStatus")] = new("Name:name|Status|Message|Error", ClusterRows.ComponentStatus),
        [("", "ResourceQuota")] = new("Name:name|Request|Limit|Age", ClusterRows.ResourceQuota),
        [("", "Event")] = new(Event, EventRow.Cells),
        [("events.k8s.io", "Event")] = new(Event, EventRow.Cells) { PrintedAs = new("", "v1", "Event") },
        [("coordination.k8s.io", "Lease")] = new("Name:name|Holder|Age", ClusterRows.Lease),
        [("node.k8s.io", "RuntimeClass")] = new("Name:name|Handler|Age", ClusterRows.RuntimeClass),
        [("certificates.k8s.io", "CertificateSigningRequest")] = new(
            "Name:name|Age|SignerName|Requestor|RequestedDuration|Condition", ClusterRows.CertificateSigningRequest),
        [("apiregistration.k8s.io", "APIService")] = new("Name:name|Service|Available|Age", ClusterRows.APIService),
        [("rbac.authorization.k8s.io", "RoleBinding")] = new(Binding, ClusterRows.RoleBinding),
        [("rbac.authorization.k8s.io", "ClusterRoleBinding")] = new(Binding, ClusterRows.RoleBinding),
        [("flowcontrol.apiserver.k8s.io", "FlowSchema")] = new(
            "Name:name|PriorityLevel|MatchingPrecedence|DistinguisherMethod|Age|MissingPL", ClusterRows.FlowSchema)
        { Order = ClusterRows.ByPrecedence },
        [("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration")] = new(
            "Name:name|Type|NominalConcurrencyShares|Queues|HandSize|QueueLengthLimit|Age", ClusterRows.PriorityLevelConfiguration),

        [("admissionregistration.k8s.io", "MutatingWebhookConfiguration")] = new("Name:name|Webhooks:integer|Age", AdmissionRows.Webhooks),
        [("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")] = new("Name:name|Webhooks:integer|Age", AdmissionRows.Webhooks),
        [("admissionregistration.k8s.io", "ValidatingAdmissionPolicy")] = new("Name:name|Validations:integer|ParamKind|Age", AdmissionRows.ValidatingPolicy),
        [("admissionregistration.k8s.io", "MutatingAdmissionPolicy")] = new("Name:name|Mutations:integer|ParamKind|Age", AdmissionRows.MutatingPolicy),
        [("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding")] = new("Name:name|PolicyName|ParamRef|Age", AdmissionRows.Binding),
        [("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding")] = new("Name:name|PolicyName|ParamRef|Age", AdmissionRows.Binding),

        [("resource.k8s.io", "DeviceClass")] = new("Name:name|Age", ClusterRows.NameAndAge),
        [("resource.k8s.io", "ResourceClaim")] = new("Name:name|State|Age", ClusterRows.ResourceClaim),
        [("resource.k8s.io", "ResourceClaimTemplate")] = new("Name:name|Age", ClusterRows.NameAndAge),
        [("resource.k8s.io", "ResourceSlice")] = new("Name:name|Node|Driver|Pool|Age", ClusterRows.ResourceSlice),
    }.ToFrozenDictionary();

    public static TablePrinter? Find(GroupVersionKind kind) => Printers.GetValueOrDefault((kind.Group, kind.Kind));
}
