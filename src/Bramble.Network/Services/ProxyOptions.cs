using System.Net;

namespace Bramble.Network.Services;

/// <summary>What <c>--kube-proxy-arg</c> can say: kube-proxy's settings that mean something for a proxy that is nftables inside another process.</summary>
public sealed record ProxyOptions
{
    /// <summary><c>nodeport-addresses</c>: NodePorts answer only on addresses of the node in these networks; empty: on all of them, as in K3s.</summary>
    public IReadOnlyList<IPNetwork> NodePortAddresses { get; init; } = [];

    /// <summary><c>masquerade-all</c>: every connection to a Service is seen with the node's address.</summary>
    public bool MasqueradesAll { get; init; }

    /// <summary><c>healthz-bind-address</c>; null: nowhere.</summary>
    public IPEndPoint? HealthzAddress { get; init; } = new(IPAddress.Loopback, 10256);

    /// <summary><c>metrics-bind-address</c>; null: nowhere.</summary>
    public IPEndPoint? MetricsAddress { get; init; } = new(IPAddress.Loopback, 10249);

    /// <summary><c>conntrack-max-per-core</c> and <c>conntrack-min</c>, multiplied out; 0: the kernel's own limit stays, as K3s has it.</summary>
    public int ConntrackMax { get; init; }

    /// <summary><c>conntrack-tcp-timeout-established</c>; zero: the kernel's.</summary>
    public TimeSpan EstablishedTimeout { get; init; }

    /// <summary><c>conntrack-tcp-timeout-close-wait</c>; zero: the kernel's.</summary>
    public TimeSpan CloseWaitTimeout { get; init; }
}
