using System.Net;
using Bramble.Network.Services;
using Bramble.Supervisor.Joining;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Runtime;

namespace Bramble.Configuration;

/// <summary>What one node is to be: its own flags, and what its cluster's server says. Immutable.</summary>
internal sealed record NodeConfig
{
    public required DataLayout Layout { get; init; }
    public required string Name { get; init; }
    public required IReadOnlyList<IPAddress> Ips { get; init; }
    public required IReadOnlyList<IPAddress> ExternalIps { get; init; }
    public required IReadOnlyList<string> InternalDns { get; init; }
    public required IReadOnlyList<string> ExternalDns { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }
    public required IReadOnlyList<(string Key, string? Value, string Effect)> Taints { get; init; }
    public required IReadOnlyDictionary<string, string> Annotations { get; init; }
    public required ClusterSettings Cluster { get; init; }
    public required string? FlannelInterface { get; init; }
    public required FlannelConf Flannel { get; init; }
    public required string? CniConf { get; init; }
    public required ComponentArguments Kubelet { get; init; }
    public required ProxyOptions Proxy { get; init; }
    public required string? RuntimeEndpoint { get; init; }
    public required string PauseImage { get; init; }
    public required string Snapshotter { get; init; }
    public required bool NonrootDevices { get; init; }
    public required string ResolvConf { get; init; }
    public required bool EnablesSelinux { get; init; }
    public required Registries Registries { get; init; }

    /// <summary>Where the kubelet listens; null: everywhere.</summary>
    public required IPAddress? Bind { get; init; }

    /// <summary>Where this machine reaches its own kubelet.</summary>
    public IPAddress KubeletAddress => Bind is null || Bind.Equals(IPAddress.Any) || Bind.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : Bind;

    /// <summary>The server's own node: it has the role of the control plane and publishes what is there once a cluster.</summary>
    public required bool IsServer { get; init; }
}
