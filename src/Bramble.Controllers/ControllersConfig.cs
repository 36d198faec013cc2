using System.Net;
using Bramble.Api.Naming;
using Bramble.Controllers.Certificates;
using Bramble.Controllers.LocalPath;
using Bramble.Controllers.Nodes;
using Bramble.Controllers.PodAutoscaling;

namespace Bramble.Controllers;

/// <summary>What the controllers of a cluster need to know.</summary>
/// <param name="ClusterCidr">Ranges of the pod network, one an IP family; empty: nodes get no podCIDR.</param>
/// <param name="RootCaPem">What kube-root-ca.crt holds: the CA of the API server's certificate.</param>
/// <param name="TerminatedPodsMax">Finished pods beyond this number are removed, the oldest first.</param>
public sealed record ControllersConfig(
    IReadOnlyList<string> ClusterCidr,
    string RootCaPem,
    int NodeMaskSizeIPv4 = 24,
    int NodeMaskSizeIPv6 = 64,
    int TerminatedPodsMax = 12500)
{
    /// <summary>Ranges of Services: no node gets a block of them.</summary>
    public IReadOnlyList<IPNetwork> ServiceCidrs { get; init; } = [];

    /// <summary>The ports that Services of type NodePort may have, first and last.</summary>
    public (int First, int Last) NodePorts { get; init; } = (30000, 32767);

    /// <summary>A node whose heartbeat is older than this is unreachable.</summary>
    public TimeSpan NodeMonitorGracePeriod { get; init; } = TimeSpan.FromSeconds(50);

    /// <summary>False: what a node that does not answer may still have mounted stays attached, however long.</summary>
    public bool ForcesDetach { get; init; } = true;

    /// <summary>How long a certificate is good for that was asked for without a time, and the most that is given.</summary>
    public TimeSpan CertificateLifeMax { get; init; } = TimeSpan.FromDays(365);

    /// <summary>How long a token Secret that was made for an account may be unused before it is marked as invalid, and then before it goes.</summary>
    public TimeSpan LegacyTokenPeriod { get; init; } = TimeSpan.FromDays(365);

    public NodeEvictionSettings NodeEvictions { get; init; } = new();

    public AutoscalerSettings Autoscaling { get; init; } = new();

    /// <summary>Signs the token of a Secret: account, its uid, the Secret's name; null: such Secrets stay empty.</summary>
    public Func<NamespacedName, string, string, string>? IssueAccountToken { get; init; }

    /// <summary>Who signs approved CertificateSigningRequests; null: nobody here.</summary>
    public CertificateSigners? Signers { get; init; }

    /// <summary>Makes the volumes of class local-path; null: nobody here.</summary>
    public LocalPathSettings? LocalPath { get; init; }
}
