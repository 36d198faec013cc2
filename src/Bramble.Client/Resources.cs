using k8s.Models;

namespace Bramble.Client;

/// <summary>The built-in resources with their model classes. Parts of Bramble name a resource by these, never by strings.</summary>
public static class Resources
{
    public static readonly Resource<V1ConfigMap> ConfigMaps = new("", "v1", "configmaps", "ConfigMap", true);
    public static readonly Resource<V1Endpoints> Endpoints = new("", "v1", "endpoints", "Endpoints", true);
    public static readonly Resource<Corev1Event> Events = new("", "v1", "events", "Event", true);
    public static readonly Resource<V1LimitRange> LimitRanges = new("", "v1", "limitranges", "LimitRange", true);
    public static readonly Resource<V1Namespace> Namespaces = new("", "v1", "namespaces", "Namespace", false);
    public static readonly Resource<V1Node> Nodes = new("", "v1", "nodes", "Node", false);
    public static readonly Resource<V1PersistentVolumeClaim> PersistentVolumeClaims = new("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true);
    public static readonly Resource<V1PersistentVolume> PersistentVolumes = new("", "v1", "persistentvolumes", "PersistentVolume", false);
    public static readonly Resource<V1Pod> Pods = new("", "v1", "pods", "Pod", true);
    public static readonly Resource<V1PodTemplate> PodTemplates = new("", "v1", "podtemplates", "PodTemplate", true);
    public static readonly Resource<V1ReplicationController> ReplicationControllers = new("", "v1", "replicationcontrollers", "ReplicationController", true);
    public static readonly Resource<V1ResourceQuota> ResourceQuotas = new("", "v1", "resourcequotas", "ResourceQuota", true);
    public static readonly Resource<V1Secret> Secrets = new("", "v1", "secrets", "Secret", true);
    public static readonly Resource<V1ServiceAccount> ServiceAccounts = new("", "v1", "serviceaccounts", "ServiceAccount", true);
    public static readonly Resource<V1Service> Services = new("", "v1", "services", "Service", true);
    public static readonly Resource<V1APIService> APIServices = new("apiregistration.k8s.io", "v1", "apiservices", "APIService", false);
    public static readonly Resource<V1ControllerRevision> ControllerRevisions = new("apps", "v1", "controllerrevisions", "ControllerRevision", true);
    public static readonly Resource<V1DaemonSet> DaemonSets = new("apps", "v1", "daemonsets", "DaemonSet", true);
    public static readonly Resource<V1Deployment> Deployments = new("apps", "v1", "deployments", "Deployment", true);
    public static readonly Resource<V1ReplicaSet> ReplicaSets = new("apps", "v1", "replicasets", "ReplicaSet", true);
    public static readonly Resource<V1StatefulSet> StatefulSets = new("apps", "v1", "statefulsets", "StatefulSet", true);
    public static readonly Resource<Eventsv1Event> EventsV1Events = new("events.k8s.io", "v1", "events", "Event", true);
    public static readonly Resource<V2HorizontalPodAutoscaler> HorizontalPodAutoscalers = new("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true);
    public static readonly Resource<V1CronJob> CronJobs = new("batch", "v1", "cronjobs", "CronJob", true);
    public static readonly Resource<V1Job> Jobs = new("batch", "v1", "jobs", "Job", true);
    public static readonly Resource<V1CertificateSigningRequest> CertificateSigningRequests = new("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", false);
    public static readonly Resource<V1IngressClass> IngressClasses = new("networking.k8s.io", "v1", "ingressclasses", "IngressClass", false);
    public static readonly Resource<V1Ingress> Ingresses = new("networking.k8s.io", "v1", "ingresses", "Ingress", true);
    public static readonly Resource<V1IPAddress> IPAddresses = new("networking.k8s.io", "v1", "ipaddresses", "IPAddress", false);
    public static readonly Resource<V1NetworkPolicy> NetworkPolicies = new("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true);
    public static readonly Resource<V1ServiceCIDR> ServiceCIDRs = new("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", false);
    public static readonly Resource<V1PodDisruptionBudget> PodDisruptionBudgets = new("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true);
    public static readonly Resource<V1ClusterRoleBinding> ClusterRoleBindings = new("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false);
    public static readonly Resource<V1ClusterRole> ClusterRoles = new("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false);
    public static readonly Resource<V1RoleBinding> RoleBindings = new("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true);
    public static readonly Resource<V1Role> Roles = new("rbac.authorization.k8s.io", "v1", "roles", "Role", true);
    public static readonly Resource<V1CSIDriver> CSIDrivers = new("storage.k8s.io", "v1", "csidrivers", "CSIDriver", false);
    public static readonly Resource<V1CSINode> CSINodes = new("storage.k8s.io", "v1", "csinodes", "CSINode", false);
    public static readonly Resource<V1CSIStorageCapacity> CSIStorageCapacities = new("storage.k8s.io", "v1", "csistoragecapacities", "CSIStorageCapacity", true);
    public static readonly Resource<V1StorageClass> StorageClasses = new("storage.k8s.io", "v1", "storageclasses", "StorageClass", false);
    public static readonly Resource<V1VolumeAttachment> VolumeAttachments = new("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", false);
    public static readonly Resource<V1VolumeAttributesClass> VolumeAttributesClasses = new("storage.k8s.io", "v1", "volumeattributesclasses", "VolumeAttributesClass", false);
    public static readonly Resource<V1MutatingAdmissionPolicy> MutatingAdmissionPolicies = new("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", false);
    public static readonly Resource<V1MutatingAdmissionPolicyBinding> MutatingAdmissionPolicyBindings = new("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", false);
    public static readonly Resource<V1MutatingWebhookConfiguration> MutatingWebhookConfigurations = new("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", false);
    public static readonly Resource<V1ValidatingAdmissionPolicy> ValidatingAdmissionPolicies = new("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false);
    public static readonly Resource<V1ValidatingAdmissionPolicyBinding> ValidatingAdmissionPolicyBindings = new("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false);
    public static readonly Resource<V1ValidatingWebhookConfiguration> ValidatingWebhookConfigurations = new("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false);
    public static readonly Resource<V1CustomResourceDefinition> CustomResourceDefinitions = new("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false);
    public static readonly Resource<V1PriorityClass> PriorityClasses = new("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false);
    public static readonly Resource<V1Lease> Leases = new("coordination.k8s.io", "v1", "leases", "Lease", true);
    public static readonly Resource<V1RuntimeClass> RuntimeClasses = new("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", false);
    public static readonly Resource<V1EndpointSlice> EndpointSlices = new("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true);
    public static readonly Resource<V1DeviceClass> DeviceClasses = new("resource.k8s.io", "v1", "deviceclasses", "DeviceClass", false);
    public static readonly Resource<Resourcev1ResourceClaim> ResourceClaims = new("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", true);
    public static readonly Resource<V1ResourceClaimTemplate> ResourceClaimTemplates = new("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplate", true);
    public static readonly Resource<V1ResourceSlice> ResourceSlices = new("resource.k8s.io", "v1", "resourceslices", "ResourceSlice", false);
    public static readonly Resource<V1FlowSchema> FlowSchemas = new("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", false);
    public static readonly Resource<V1PriorityLevelConfiguration> PriorityLevelConfigurations = new("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", false);
}
