using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Bramble.Flags;
using Bramble.Network;
using Bramble.Network.Services;
using Bramble.Supervisor.Joining;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Runtime;
using static Bramble.Configuration.FlagValues;

namespace Bramble.Configuration;

/// <summary>What one server is to be: flags, environment and config file, understood and checked. Immutable.</summary>
internal sealed record ServerConfig
{
    public required DataLayout Layout { get; init; }
    public required string NodeName { get; init; }
    public required IReadOnlyList<IPAddress> NodeIps { get; init; }
    public required IReadOnlyList<IPAddress> NodeExternalIps { get; init; }
    public required IReadOnlyList<string> NodeInternalDns { get; init; }
    public required IReadOnlyList<string> NodeExternalDns { get; init; }
    public required IReadOnlyList<string> Line { get; init; }
    public required IReadOnlyDictionary<string, string> NodeLabels { get; init; }
    public required IReadOnlyList<(string Key, string? Value, string Effect)> NodeTaints { get; init; }
    public required IPEndPoint Listen { get; init; }
    public required IPAddress AdvertiseAddress { get; init; }
    public required int AdvertisePort { get; init; }
    public required IReadOnlyList<string> TlsSans { get; init; }
    public required IReadOnlyList<IPNetwork> ClusterCidrs { get; init; }
    public required IReadOnlyList<IPNetwork> ServiceCidrs { get; init; }
    public required (int First, int Last) NodePorts { get; init; }
    public required IReadOnlyList<IPAddress> ClusterDns { get; init; }
    public required string ClusterDomain { get; init; }
    public required FlannelBackend FlannelBackend { get; init; }
    public required string? FlannelInterface { get; init; }
    public required FlannelConf Flannel { get; init; }
    public required string? CniConf { get; init; }
    public required bool MasqueradesIPv6Pods { get; init; }
    public required bool UsesExternalIps { get; init; }
    public required string EgressMode { get; init; }

    /// <summary>Kubelets are reached through their agents' tunnels.</summary>
    public bool UsesTunnels => EgressMode != "disabled";

    /// <summary>Pods too: this server need not be in the pod network.</summary>
    public bool TunnelsToPods => EgressMode is "cluster" or "pod";

    public required bool DisablesNetworkPolicy { get; init; }
    public required IReadOnlySet<string> Disabled { get; init; }
    public required bool RunsNode { get; init; }
    public required bool RunsScheduler { get; init; }
    public required bool RunsControllers { get; init; }
    public required string KubeconfigPath { get; init; }
    public required UnixFileMode KubeconfigMode { get; init; }
    public required string? KubeconfigGroup { get; init; }
    public required string? Token { get; init; }
    public required string? AgentToken { get; init; }
    public required ComponentArguments ApiServer { get; init; }
    public required ComponentArguments ControllerManager { get; init; }
    public required ComponentArguments Scheduler { get; init; }
    public required ComponentArguments Kubelet { get; init; }
    public required ProxyOptions Proxy { get; init; }
    public required string? RuntimeEndpoint { get; init; }
    public required string PauseImage { get; init; }
    public required string Snapshotter { get; init; }
    public required bool NonrootDevices { get; init; }
    public required string ResolvConf { get; init; }
    public required bool EnablesSelinux { get; init; }
    public required Registries Registries { get; init; }

    /// <summary>What <c>--bind-address</c> says; null: nothing.</summary>
    public required IPAddress? Bind { get; init; }

    public required bool IsDebug { get; init; }

    /// <summary>Where volumes of the class local-path lie on every node.</summary>
    public required string LocalStoragePath { get; init; }

    /// <summary>Addresses of the <c>kubernetes</c> Service: the first of each service range.</summary>
    public IReadOnlyList<IPAddress> ServiceAddresses => [.. ServiceCidrs.Select(range => Nth(range, 1))];

    /// <summary>Where this machine's own clients reach the API.</summary>
    public string LocalUrl
    {
        get
        {
            var host = Listen.Address.Equals(IPAddress.Any) || Listen.Address.Equals(IPAddress.IPv6Any) ? "127.0.0.1"
                : Listen.Address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{Listen.Address}]" : Listen.Address.ToString();
            return string.Create(CultureInfo.InvariantCulture, $"https://{host}:{Listen.Port}");
        }
    }

    /// <summary>What agents are told, and what this machine's own node is made from.</summary>
    public ClusterSettings Cluster => new()
    {
        ServerNode = NodeName,
        Advertise = new IPEndPoint(AdvertiseAddress, AdvertisePort),
        SupervisorPort = Listen.Port,
        ClusterCidrs = ClusterCidrs,
        ServiceCidrs = ServiceCidrs,
        NodePorts = NodePorts,
        ClusterDns = ClusterDns,
        ClusterDomain = ClusterDomain,
        FlannelBackend = FlagValues.BackendName(FlannelBackend),
        MasqueradesIPv6Pods = MasqueradesIPv6Pods,
        UsesExternalIps = UsesExternalIps,
        EgressSelectorMode = EgressMode,
        Disabled = Disabled,
        DisablesNetworkPolicy = DisablesNetworkPolicy,
    };

    /// <summary>This machine's own node.</summary>
    public NodeConfig Node => new()
    {
        Layout = Layout,
        Name = NodeName,
        Ips = NodeIps,
        ExternalIps = NodeExternalIps,
        InternalDns = NodeInternalDns,
        ExternalDns = NodeExternalDns,
        Labels = NodeLabels,
        Taints = NodeTaints,
        Annotations = NodeAnnotations.Of("server", Line, FlagSet.Variables("K3S_"), NodeName, NodeIps, NodeExternalIps, NodeInternalDns, NodeExternalDns),
        Cluster = Cluster,
        FlannelInterface = FlannelInterface,
        Flannel = Flannel,
        CniConf = CniConf,
        Kubelet = Kubelet,
        Proxy = Proxy,
        RuntimeEndpoint = RuntimeEndpoint,
        PauseImage = PauseImage,
        Snapshotter = Snapshotter,
        NonrootDevices = NonrootDevices,
        ResolvConf = ResolvConf,
        EnablesSelinux = EnablesSelinux,
        Registries = Registries,
        Bind = Bind,
        IsServer = true,
    };

    /// <exception cref="UsageException">A value is wrong: one line with cause and fix.</exception>
    public static ServerConfig From(FlagSet flags)
    {
        var external = Addresses(flags.Split(ServerFlags.NodeExternalIp), "--node-external-ip");
        var port = Port(flags, ServerFlags.HttpsListenPort);
        var services = Networks(flags.Split(ServerFlags.ServiceCidr), "--service-cidr");
        var clusters = Networks(flags.Split(ServerFlags.ClusterCidr), "--cluster-cidr");
        if (!services.Select(range => range.BaseAddress.AddressFamily).Order().SequenceEqual(clusters.Select(range => range.BaseAddress.AddressFamily).Order()))
            throw new UsageException("--cluster-cidr and --service-cidr must have the same address families: one IPv4, one IPv6 or both");
        // Where there is IPv6, both families: agents and kubectl may come by either.
        var bind = FlagValues.Bind(flags);
        var nodeIps = flags.Split(ServerFlags.NodeIp) is { Count: > 0 } given ? Addresses(given, "--node-ip")
            : NodeAddresses.OfFamilies(NodeAddresses.Detect(flags.Text(ServerFlags.FlannelIface)), clusters);
        var advertisePort = flags.Number(ServerFlags.AdvertisePort);
        return new ServerConfig
        {
            Layout = new DataLayout(flags.Text(ServerFlags.DataDir, DataLayout.Default)),
            NodeName = NodeNameOf(flags),
            NodeIps = nodeIps,
            Line = flags.Line,
            NodeExternalIps = external,
            NodeInternalDns = DnsNames(flags, ServerFlags.NodeInternalDns),
            NodeExternalDns = DnsNames(flags, ServerFlags.NodeExternalDns),
            EnablesSelinux = flags.Switch(ServerFlags.Selinux),
            Registries = FlagValues.Registries(flags),
            Bind = bind,
            NodeLabels = Labels(flags.List(ServerFlags.NodeLabel)),
            NodeTaints = [.. flags.List(ServerFlags.NodeTaint).Select(Taint)],
            Listen = new IPEndPoint(bind ?? AnyOf(clusters.Select(range => range.BaseAddress)), port),
            AdvertiseAddress = flags.Text(ServerFlags.AdvertiseAddress) is { Length: > 0 } advertise ? Address(advertise, "--advertise-address")
                : external.Count > 0 ? external[0] : nodeIps[0],
            AdvertisePort = advertisePort == 0 ? port : advertisePort,
            TlsSans = flags.Split(ServerFlags.TlsSan),
            ClusterCidrs = clusters,
            ServiceCidrs = services,
            NodePorts = PortRange(flags.Text(ServerFlags.ServiceNodePortRange)!),
            ClusterDns = flags.Split(ServerFlags.ClusterDns) is { Count: > 0 } dns ? Addresses(dns, "--cluster-dns") : [.. services.Select(range => Nth(range, 10))],
            ClusterDomain = flags.Text(ServerFlags.ClusterDomain)!,
            FlannelBackend = Backend(flags.Text(ServerFlags.FlannelBackend)!),
            FlannelInterface = flags.Text(ServerFlags.FlannelIface),
            Flannel = FlannelConf.Read(flags.Text(ServerFlags.FlannelConf)),
            CniConf = FlannelConf.CniConf(flags.Text(ServerFlags.FlannelCniConf)),
            MasqueradesIPv6Pods = flags.Switch(ServerFlags.FlannelIpv6Masq),
            UsesExternalIps = flags.Switch(ServerFlags.FlannelExternalIp),
            EgressMode = FlagValues.EgressMode(flags.Text(ServerFlags.EgressSelectorMode)!),
            DisablesNetworkPolicy = flags.Switch(ServerFlags.DisableNetworkPolicy),
            Disabled = DisabledParts(flags),
            RunsNode = !flags.Switch(ServerFlags.DisableAgent),
            RunsScheduler = !flags.Switch(ServerFlags.DisableScheduler),
            RunsControllers = !flags.Switch(ServerFlags.DisableControllerManager),
            KubeconfigPath = flags.Text(ServerFlags.WriteKubeconfig)!,
            KubeconfigGroup = flags.Text(ServerFlags.WriteKubeconfigGroup) is { Length: > 0 } group ? group : null,
            KubeconfigMode = Mode(flags.Text(ServerFlags.WriteKubeconfigMode)!),
            Token = Secret(flags, ServerFlags.Token, ServerFlags.TokenFile),
            AgentToken = Secret(flags, ServerFlags.AgentToken, ServerFlags.AgentTokenFile),
            ApiServer = ComponentArguments.Parse("--kube-apiserver-arg", flags.List(ServerFlags.ApiServerArg), ComponentArguments.OfApiServer),
            ControllerManager = ComponentArguments.Parse("--kube-controller-manager-arg", flags.List(ServerFlags.ControllerManagerArg), ComponentArguments.OfControllerManager),
            Scheduler = ComponentArguments.Parse("--kube-scheduler-arg", flags.List(ServerFlags.SchedulerArg), ComponentArguments.OfScheduler),
            Kubelet = ComponentArguments.Parse("--kubelet-arg", flags.List(ServerFlags.KubeletArg), ComponentArguments.OfKubelet),
            Proxy = ProxyArguments.Read(flags.List(ServerFlags.KubeProxyArg), nodeIps, Environment.ProcessorCount),
            RuntimeEndpoint = flags.Text(ServerFlags.ContainerRuntimeEndpoint) is { Length: > 0 } endpoint ? endpoint : null,
            PauseImage = flags.Text(ServerFlags.PauseImage)!,
            Snapshotter = flags.Text(ServerFlags.Snapshotter)!,
            NonrootDevices = flags.Switch(ServerFlags.NonrootDevices),
            ResolvConf = Bramble.Configuration.ResolvConf.Choose(flags.Text(ServerFlags.ResolvConf)),
            IsDebug = flags.Switch(ServerFlags.Debug) || flags.Number(ServerFlags.Verbosity) >= 4,
            LocalStoragePath = Path.GetFullPath(flags.Text(ServerFlags.DefaultLocalStoragePath) is { Length: > 0 } storage ? storage : new DataLayout(flags.Text(ServerFlags.DataDir, DataLayout.Default)).Storage),
        };
    }

    /// <summary><c>--disable</c>'s names, and the parts with a flag of their own.</summary>
    private static HashSet<string> DisabledParts(FlagSet flags)
    {
        var parts = flags.Split(ServerFlags.Disable).ToHashSet(StringComparer.Ordinal);
        if (flags.Switch(ServerFlags.DisableKubeProxy)) parts.Add("kube-proxy");
        if (flags.Switch(ServerFlags.DisableHelmController)) parts.Add("helm-controller");
        return parts;
    }

    /// <summary>The n-th address of a range: the 10th of 10.43.0.0/16 is 10.43.0.10.</summary>
    internal static IPAddress Nth(IPNetwork range, int n)
    {
        var bytes = range.BaseAddress.GetAddressBytes();
        for (var (i, carry) = (bytes.Length - 1, n); i >= 0 && carry > 0; i--)
        {
            var sum = bytes[i] + carry;
            bytes[i] = (byte)sum;
            carry = sum >> 8;
        }
        return new IPAddress(bytes);
    }
}
