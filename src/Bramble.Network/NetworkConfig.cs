using System.Net;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Services;

namespace Bramble.Network;

/// <summary>How pods of different nodes reach each other: <c>--flannel-backend</c>.</summary>
public enum FlannelBackend
{
    /// <summary>No pod network of ours: the standard CNI folders belong to whoever brings one.</summary>
    None,

    Vxlan,
    HostGw,
    WireguardNative,
}

/// <summary>What the network of one node is to be. Immutable; K3s' names and defaults.</summary>
public sealed record NetworkConfig
{
    public required string NodeName { get; init; }

    /// <summary>The node's own addresses, the preferred one of each family first.</summary>
    public required IReadOnlyList<IPAddress> NodeIps { get; init; }

    /// <summary>The node is this machine's own. Else this is a server without one, and the node somebody's who may take it away.</summary>
    public bool OwnsNode { get; init; } = true;

    /// <summary>Where everything of the distribution lives: <c>/var/lib/rancher/k3s</c>.</summary>
    public required string DataDir { get; init; }

    public IReadOnlyList<IPNetwork> ClusterCidrs { get; init; } = [IPNetwork.Parse("10.42.0.0/16")];
    public IReadOnlyList<IPNetwork> ServiceCidrs { get; init; } = [IPNetwork.Parse("10.43.0.0/16")];
    public int NodePortFirst { get; init; } = 30000;
    public int NodePortLast { get; init; } = 32767;

    /// <summary>Addresses of the <c>kube-dns</c> Service, one a family.</summary>
    public IReadOnlyList<IPAddress> ClusterDns { get; init; } = [IPAddress.Parse("10.43.0.10")];

    public string ClusterDomain { get; init; } = "cluster.local";
    public FlannelBackend Backend { get; init; } = FlannelBackend.Vxlan;

    /// <summary><c>--flannel-ipv6-masq</c>: IPv6 pods go out with the node's address. Off, as in K3s: IPv6 pod addresses are routable.</summary>
    public bool MasqueradesIPv6Pods { get; init; }

    /// <summary>VXLAN's network identifier and UDP port; flannel's and K3s' own unless <c>--flannel-conf</c> says others.</summary>
    public int VxlanId { get; init; } = 1;

    public int VxlanPort { get; init; } = 8472;

    /// <summary>DirectRouting of <c>--flannel-conf</c>: nodes on the same segment are reached without the tunnel.</summary>
    public bool RoutesDirectly { get; init; }

    /// <summary>The node's addresses for the outside, by which <see cref="UsesExternalIps"/> reaches it.</summary>
    public IReadOnlyList<IPAddress> NodeExternalIps { get; init; } = [];

    /// <summary><c>--flannel-external-ip</c>: other nodes send to the external addresses.</summary>
    public bool UsesExternalIps { get; init; }

    /// <summary><c>--flannel-cni-conf</c>: the text of a CNI configuration that takes the place of our own; null: ours.</summary>
    public string? CniConf { get; init; }

    /// <summary>Interface that carries traffic between nodes; null: the one with the default route, else the one with the node's first address.</summary>
    public string? FlannelInterface { get; init; }

    /// <summary>The resolv.conf whose servers answer names outside the cluster.</summary>
    public string UpstreamResolvConf { get; init; } = "/etc/resolv.conf";

    /// <summary>K3s' names of what is switched off: <c>coredns</c>, <c>servicelb</c>, …</summary>
    public IReadOnlySet<string> Disabled { get; init; } = new HashSet<string>();

    /// <summary><c>--kube-proxy-arg</c>.</summary>
    public ProxyOptions Proxy { get; init; } = new();

    /// <summary><c>--disable-network-policy</c>: somebody else enforces them.</summary>
    public bool DisablesNetworkPolicy { get; init; }

    /// <summary>Port on 127.0.0.1 of the cluster DNS; the rules send the cluster DNS address here. 0: any free port.</summary>
    public int DnsPort { get; init; } = 10053;

    /// <summary>The node's ports of the ingress.</summary>
    public IngressPorts IngressPorts { get; init; } = IngressPorts.Default;

    /// <summary>Listening sockets that outlive the process.</summary>
    public IKeptSockets KeptSockets { get; init; } = new NoKeptSockets();

    /// <summary>Folder of the CNI configuration that the runtime reads.</summary>
    public string CniConfDir => Path.Combine(DataDir, "agent/etc/cni/net.d");

    /// <summary>State of host-local IPAM; below the data dir so that two nodes of one machine do not mix.</summary>
    public string CniStateDir => Path.Combine(DataDir, "agent/cni/networks");

    /// <summary>What flannel's tools read.</summary>
    public string SubnetFile { get; init; } = "/run/flannel/subnet.env";
}
