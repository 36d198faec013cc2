namespace Bramble.Network.Services;

/// <summary>IPv4 and IPv6 have tables of their own.</summary>
internal enum IpFamily { V4, V6 }

/// <summary>Whose packets a front end is for.</summary>
internal enum TrafficScope
{
    /// <summary>Everybody's.</summary>
    All,

    /// <summary>Only what enters the node from outside the cluster; looked up before <see cref="All"/> (externalTrafficPolicy: Local).</summary>
    External,

    /// <summary>Everybody's, at a hostPort: asked after the NodePorts, and where NodePorts are limited to some addresses of the node it is not.</summary>
    HostPort,
}

/// <summary>Where packets arrive: an address, or every address of the node (<paramref name="Address"/> empty), a protocol (<c>tcp</c>) and a port.</summary>
internal readonly record struct FrontKey(IpFamily Family, TrafficScope Scope, string Address, string Protocol, int Port);

/// <summary>What happens to a new connection at a front end.</summary>
internal enum FrontVerdict
{
    /// <summary>One of the backends gets it, each with the same chance.</summary>
    Balance,

    /// <summary>Answered at once with a reset or an ICMP error: nobody serves it.</summary>
    Refuse,

    /// <summary>Silently dropped: others serve it, but not on this node, so a load balancer must look elsewhere.</summary>
    Drop,

    /// <summary>The DNS server in this process.</summary>
    ClusterDns,

    /// <summary>As <see cref="ClusterDns"/>, but only for pods and nodes: the address can be reached from the LAN.</summary>
    GuardedClusterDns,
}

/// <summary>One receiver. <c>IsLocal</c>: a pod of this node, which may be its own client (hairpin).</summary>
internal readonly record struct Backend(string Address, int Port, bool IsLocal);

/// <summary>Same client, same backend, until it was silent for <c>TimeoutSeconds</c>. <c>Name</c> is stable for a service port: clients stay where they
/// are when other backends come and go.</summary>
internal sealed record SessionAffinity(string Name, int TimeoutSeconds);

/// <summary>The decision for one front end. <c>KeepsSource</c>: clients outside keep their address (no masquerade). <c>AllowedSources</c> null:
/// everybody; else only these CIDRs. <c>IsExternal</c>: an address or port that is not the cluster's alone (node, external, load balancer), so only
/// exactly this front end's connections may be masqueraded, not Docker's beside it.</summary>
internal sealed record FrontEnd(
    FrontVerdict Verdict,
    IReadOnlyList<Backend> Backends,
    bool KeepsSource = false,
    SessionAffinity? Affinity = null,
    IReadOnlyList<string>? AllowedSources = null,
    bool IsExternal = false)
{
    public static readonly FrontEnd Refused = new(FrontVerdict.Refuse, []);
    public static readonly FrontEnd Dropped = new(FrontVerdict.Drop, []);
}
