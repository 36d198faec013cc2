using System.Net;
using System.Security.Cryptography.X509Certificates;
using k8s.Models;

namespace Bramble.Kubelet;

/// <summary>A taint the node registers with: <c>key=value:effect</c>.</summary>
public sealed record NodeTaint(string Key, string? Value, string Effect);

/// <summary>Who makes the pods' cgroups: the kubelet in the file system, or systemd as slices.</summary>
public enum CgroupDriver { Cgroupfs, Systemd }

/// <summary>Everything the kubelet is told at its start. Immutable: a change is a restart, and running pods are adopted.</summary>
public sealed record KubeletConfig
{
    public required string NodeName { get; init; }

    /// <summary>InternalIPs of the node, the primary family first.</summary>
    public required IReadOnlyList<IPAddress> NodeIps { get; init; }

    public IReadOnlyList<IPAddress> NodeExternalIps { get; init; } = [];

    /// <summary>Names of the node in somebody's DNS, inside and outside.</summary>
    public IReadOnlyList<string> NodeInternalDns { get; init; } = [];
    public IReadOnlyList<string> NodeExternalDns { get; init; } = [];

    /// <summary>Labels the node is given besides kubernetes.io/hostname, os and arch.</summary>
    public IReadOnlyDictionary<string, string> NodeLabels { get; init; } = new Dictionary<string, string>();

    /// <summary>Annotations the node is given.</summary>
    public IReadOnlyDictionary<string, string> NodeAnnotations { get; init; } = new Dictionary<string, string>();

    /// <summary>Taints of a node that is registered for the first time.</summary>
    public IReadOnlyList<NodeTaint> RegisterWithTaints { get; init; } = [];

    /// <summary>spec.providerID; null: none.</summary>
    public string? ProviderId { get; init; }

    public string RootDirectory { get; init; } = "/var/lib/kubelet";
    public string PodLogsDirectory { get; init; } = "/var/log/pods";

    /// <summary>Links <c>pod_namespace_container-id.log</c> for log collectors; null: none.</summary>
    public string? ContainerLogsDirectory { get; init; } = "/var/log/containers";

    /// <summary>Socket of the CRI runtime: <c>unix:///run/k3s/containerd/containerd.sock</c> or a path.</summary>
    public required string RuntimeEndpoint { get; init; }

    public IReadOnlyList<IPAddress> ClusterDns { get; init; } = [];
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>The host's resolver configuration, given to pods; empty: none.</summary>
    public string ResolvConfPath { get; init; } = "/etc/resolv.conf";

    /// <summary>Cgroup below which <c>kubepods</c> is made; <c>/</c>: the root.</summary>
    public string CgroupRoot { get; init; } = "/";

    public CgroupDriver CgroupDriver { get; init; } = CgroupDriver.Cgroupfs;
    public int MaxPods { get; init; } = 110;

    /// <summary>Folder of static pod manifests; null: none.</summary>
    public string? StaticPodPath { get; init; }

    /// <summary>The kubelet's own flags as given by <c>--kubelet-arg</c>, without dashes: <c>eviction-hard</c> → <c>memory.available&lt;100Mi</c>.</summary>
    public IReadOnlyDictionary<string, string> Arguments { get; init; } = new Dictionary<string, string>();

    /// <summary>Address and port of the kubelet's HTTPS server; port 0: no server.</summary>
    public IPAddress ServerAddress { get; init; } = IPAddress.Any;
    public int ServerPort { get; init; } = 10250;

    /// <summary>Serving certificate with its key; called at each handshake, so that a renewed one is used at once.</summary>
    public Func<X509Certificate2>? ServingCertificate { get; init; }

    /// <summary>CAs whose client certificates are accepted; null: certificates are not.</summary>
    public X509Certificate2Collection? ClientCa { get; init; }

    /// <summary>Called with a new pod's addresses before its first container starts; the network puts its policies in force meanwhile. Null: nobody asks.</summary>
    public Func<V1Pod, IReadOnlyList<string>, CancellationToken, Task>? PodStarts { get; init; }

    /// <summary>What other parts of the node have counted, in Prometheus' text format, shown with the kubelet's own at /metrics. Null: nobody counts.</summary>
    public Func<string>? OtherMetrics { get; init; }

    /// <summary>What nodeInfo.kubeletVersion says.</summary>
    public string KubeletVersion { get; init; } = "v1.36.2+k3s1";
}
