using System.Net;
using Bramble.Flags;
using Bramble.Supervisor.Joining;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Pki;
using Bramble.Supervisor.Tokens;
using static Bramble.Configuration.FlagValues;

namespace Bramble.Configuration;

/// <summary>What one agent is to be: flags, environment and config file, understood and checked. What it learns from its server comes with
/// <see cref="Node"/>. Immutable.</summary>
internal sealed record AgentConfig
{
    public required DataLayout Layout { get; init; }
    public required Uri Server { get; init; }
    public required JoinToken Token { get; init; }
    public required int LoadBalancerPort { get; init; }

    /// <summary>Clients of this machine go by the load balancer on 127.0.0.1, not to <see cref="Server"/> alone.</summary>
    public required bool BalancesServers { get; init; }
    public required string NodeName { get; init; }
    public required IReadOnlyList<IPAddress> NodeIps { get; init; }
    public required IReadOnlyList<IPAddress> NodeExternalIps { get; init; }

    /// <summary>The addresses were found on the machine, not given: they follow it.</summary>
    public required bool FindsIps { get; init; }

    public required FlannelConf Flannel { get; init; }
    public required string? CniConf { get; init; }
    public required bool IsDebug { get; init; }
    private FlagSet Flags { get; init; } = null!;

    /// <exception cref="UsageException">A value is wrong or missing: one line with cause and fix.</exception>
    public static AgentConfig From(FlagSet flags)
    {
        if (flags.Text(AgentFlags.Server) is not { Length: > 0 } server)
            throw new UsageException("an agent must know its server: --server https://HOST:6443 (or K3S_URL)");
        if (!Uri.TryCreate(server.TrimEnd('/'), UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttps || url.AbsolutePath != "/")
            throw new UsageException($"--server: \"{server}\" is no address like https://HOST:6443");
        var layout = new DataLayout(flags.Text(ServerFlags.DataDir, DataLayout.Default));
        var token = Secret(flags, ServerFlags.Token, ServerFlags.TokenFile) is { } secret ? Parsed(secret) : OfEarlierJoin(layout)
            ?? throw new UsageException("an agent needs the cluster's token: --token TOKEN (or K3S_TOKEN), from /var/lib/rancher/k3s/server/node-token on the server");
        var config = new AgentConfig
        {
            Layout = layout,
            Server = url,
            Token = token,
            LoadBalancerPort = Port(flags, AgentFlags.LbServerPort),
            BalancesServers = !flags.Switch(AgentFlags.DisableApiserverLb),
            NodeName = NodeNameOf(flags),
            NodeIps = flags.Split(ServerFlags.NodeIp) is { Count: > 0 } given ? Addresses(given, "--node-ip") : NodeAddresses.Detect(flags.Text(ServerFlags.FlannelIface)),
            FindsIps = flags.Split(ServerFlags.NodeIp).Count == 0,
            Flannel = FlannelConf.Read(flags.Text(ServerFlags.FlannelConf)),
            CniConf = FlannelConf.CniConf(flags.Text(ServerFlags.FlannelCniConf)),
            NodeExternalIps = Addresses(flags.Split(ServerFlags.NodeExternalIp), "--node-external-ip"),
            IsDebug = flags.Switch(ServerFlags.Debug) || flags.Number(ServerFlags.Verbosity) >= 4,
            Flags = flags,
        };
        // Wrong values are told before anything is done, not after the join.
        _ = ComponentArguments.Parse("--kubelet-arg", flags.List(ServerFlags.KubeletArg), ComponentArguments.OfKubelet);
        _ = ProxyArguments.Read(flags.List(ServerFlags.KubeProxyArg), config.NodeIps, Environment.ProcessorCount);
        _ = (Labels(flags.List(ServerFlags.NodeLabel)), flags.List(ServerFlags.NodeTaint).Select(Taint).ToList());
        _ = (Registries(flags), Bind(flags), DnsNames(flags, ServerFlags.NodeInternalDns), DnsNames(flags, ServerFlags.NodeExternalDns));
        return config;
    }

    /// <summary>The node in the cluster that it joined.</summary>
    public NodeConfig Node(ClusterSettings cluster) => new()
    {
        Layout = Layout,
        Name = NodeName,
        Ips = FindsIps ? NodeAddresses.OfFamilies(NodeIps, cluster.ClusterCidrs) : NodeIps,
        ExternalIps = NodeExternalIps,
        InternalDns = DnsNames(Flags, ServerFlags.NodeInternalDns),
        ExternalDns = DnsNames(Flags, ServerFlags.NodeExternalDns),
        Labels = Labels(Flags.List(ServerFlags.NodeLabel)),
        Taints = [.. Flags.List(ServerFlags.NodeTaint).Select(Taint)],
        Annotations = NodeAnnotations.Of("agent", Flags.Line, FlagSet.Variables("K3S_"), NodeName, FindsIps ? NodeAddresses.OfFamilies(NodeIps, cluster.ClusterCidrs) : NodeIps, NodeExternalIps,
            DnsNames(Flags, ServerFlags.NodeInternalDns), DnsNames(Flags, ServerFlags.NodeExternalDns)),
        Cluster = cluster,
        FlannelInterface = Flags.Text(ServerFlags.FlannelIface),
        Flannel = Flannel,
        CniConf = CniConf,
        Kubelet = ComponentArguments.Parse("--kubelet-arg", Flags.List(ServerFlags.KubeletArg), ComponentArguments.OfKubelet),
        Proxy = ProxyArguments.Read(Flags.List(ServerFlags.KubeProxyArg), NodeIps, Environment.ProcessorCount),
        RuntimeEndpoint = Flags.Text(ServerFlags.ContainerRuntimeEndpoint) is { Length: > 0 } endpoint ? endpoint : null,
        PauseImage = Flags.Text(ServerFlags.PauseImage)!,
        Snapshotter = Flags.Text(ServerFlags.Snapshotter)!,
        NonrootDevices = Flags.Switch(ServerFlags.NonrootDevices),
        ResolvConf = Bramble.Configuration.ResolvConf.Choose(Flags.Text(ServerFlags.ResolvConf)),
        EnablesSelinux = Flags.Switch(ServerFlags.Selinux),
        Registries = Registries(Flags),
        Bind = Bind(Flags),
        IsServer = false,
    };

    /// <summary>Waits until the machine has other addresses than these, and returns what it is then.</summary>
    public async Task<AgentConfig> MovedAsync(ClusterSettings cluster, TimeProvider time, CancellationToken cancel)
    {
        if (!FindsIps) await Task.Delay(Timeout.InfiniteTimeSpan, time, cancel);
        return this with { NodeIps = await NodeAddresses.MovedAsync(NodeIps, cluster.ClusterCidrs, Flags.Text(ServerFlags.FlannelIface), time, cancel) };
    }

    /// <summary>A machine that has joined needs no token: its certificate tells who it is, and what it kept of the cluster's CA whom it believes.</summary>
    private static JoinToken? OfEarlierJoin(DataLayout layout) => File.Exists(layout.AgentFile("client-kubelet.crt")) && File.Exists(layout.AgentFile("server-ca.crt"))
        ? new JoinToken(CertificateAuthority.HashOfServedBundle(File.ReadAllText(layout.AgentFile("server-ca.crt"))), "node", "")
        : null;

    private static JoinToken Parsed(string token)
    {
        try
        {
            return JoinToken.Parse(token);
        }
        catch (FormatException wrong)
        {
            throw new UsageException($"--token: {wrong.Message}");
        }
    }
}
