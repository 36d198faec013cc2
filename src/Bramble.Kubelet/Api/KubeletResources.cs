using Bramble.Client;
using k8s.Models;

namespace Bramble.Kubelet.Api;

/// <summary>The resources a kubelet speaks of.</summary>
internal static class KubeletResources
{
    public static readonly Resource<V1Pod> Pods = new("", "v1", "pods", "Pod", true);
    public static readonly Resource<V1Node> Nodes = new("", "v1", "nodes", "Node", false);
    public static readonly Resource<V1Service> Services = new("", "v1", "services", "Service", true);
    public static readonly Resource<V1ConfigMap> ConfigMaps = new("", "v1", "configmaps", "ConfigMap", true);
    public static readonly Resource<V1Secret> Secrets = new("", "v1", "secrets", "Secret", true);
    public static readonly Resource<V1PersistentVolumeClaim> Claims = new("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true);
    public static readonly Resource<V1PersistentVolume> Volumes = new("", "v1", "persistentvolumes", "PersistentVolume", false);
    public static readonly Resource<V1ServiceAccount> ServiceAccounts = new("", "v1", "serviceaccounts", "ServiceAccount", true);
    public static readonly Resource<Corev1Event> Events = new("", "v1", "events", "Event", true);
    public static readonly Resource<V1Lease> Leases = new("coordination.k8s.io", "v1", "leases", "Lease", true);
    public static readonly Resource<V1RuntimeClass> RuntimeClasses = new("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", false);
    public static readonly Resource<V1TokenReview> TokenReviews = new("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", false);

    public static readonly Resource<V1SubjectAccessReview> SubjectAccessReviews =
        new("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", false);
}
