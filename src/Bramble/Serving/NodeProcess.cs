using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Configuration;
using Bramble.Kubelet;
using Bramble.Kubelet.Cgroups;
using Bramble.Network;
using Bramble.Supervisor.Runtime;
using Bramble.Supervisor.Tunnel;
using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

/// <summary>The node's side of a server: network, runtime, images, kubelet, in the order in which they need each other.</summary>
internal sealed class NodeProcess(
    NodeConfig config, IKubeClient kubeletClient, IKubeClient networkClient, IInformers informers, Task gatewayDefinitions, NodeSockets sockets, TimeProvider time, ILoggerFactory logs)
{
    private readonly ILogger _log = logs.CreateLogger("node");
    private readonly CgroupDriver _cgroupDriver = CgroupHierarchy.ChooseDriver(config.Kubelet.Text("cgroup-driver"), Environment.GetEnvironmentVariable);

    /// <summary>Runs until cancelled; containers go on.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var network = new Bramble.Network.Network(NetworkSettings(), networkClient, kubeletClient, informers, gatewayDefinitions, time, logs);
        // First, because after a restart running pods wait for names, while the runtime takes its seconds.
        var networking = network.RunAsync(stop.Token);
        string endpoint;
        Func<CancellationToken, Task>? supervising;
        try
        {
            (endpoint, supervising) = await StartRuntimeAsync(cancel);
        }
        catch
        {
            await stop.CancelAsync();
            await networking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        var kubelet = new Bramble.Kubelet.Kubelet(KubeletSettings(endpoint) with { PodStarts = network.PodStartsAsync, OtherMetrics = network.IngressMetrics.Write }, kubeletClient, time, logs);
        List<Task> parts = [kubelet.RunAsync(stop.Token), networking];
        if (config.IsServer) parts.Add(KeepRoleAsync(stop.Token));
        if (supervising is not null) parts.Add(supervising(stop.Token));
        // One part that cannot go on ends the others; the process starts all of them again.
        var first = await Task.WhenAny(parts);
        await stop.CancelAsync();
        await Task.WhenAll(parts.Select(part => part.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default)));
        await first;
    }

    /// <summary>A node may not name its own role (NodeRestriction), so the server gives it: K3s' label, put back when somebody takes it away.</summary>
    private async Task KeepRoleAsync(CancellationToken cancel)
    {
        const string role = "node-role.kubernetes.io/control-plane";
        var changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        using var subscription = informers.For(Resources.Nodes).Subscribe(change =>
        {
            if (change.New is { } node && change.Name.Name == config.Name && node.Metadata.Labels?.ContainsKey(role) != true) changes.Writer.TryWrite(true);
        });
        await foreach (var _ in changes.Reader.ReadAllAsync(cancel))
        {
            var labels = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [role] = "true" } } };
            await networkClient.PatchAsync(Resources.Nodes, new NamespacedName("", config.Name), new Patch(PatchType.Merge, labels), null, cancel);
        }
    }

    private async Task<(string Endpoint, Func<CancellationToken, Task>? Supervising)> StartRuntimeAsync(CancellationToken cancel)
    {
        if (config.RuntimeEndpoint is { } given) return (given, null);
        var containerd = new Containerd(
            new ContainerdOptions(config.Layout) { UsesSystemdCgroup = _cgroupDriver == CgroupDriver.Systemd, PauseImage = config.PauseImage, Snapshotter = config.Snapshotter, NonrootDevices = config.NonrootDevices, EnablesSelinux = config.EnablesSelinux, Registries = config.Registries },
            time, logs.CreateLogger<Containerd>());
        await containerd.StartAsync(cancel);
        await containerd.EnsurePauseImageAsync(cancel);
        if (Directory.Exists(config.Layout.Images))
            foreach (var archive in Directory.EnumerateFiles(config.Layout.Images, "*.tar*").Order(StringComparer.Ordinal))
                await ImportAsync(containerd, archive, cancel);
        return (containerd.Endpoint, containerd.SuperviseAsync);
    }

    private async Task ImportAsync(Containerd containerd, string archive, CancellationToken cancel)
    {
        try
        {
            await containerd.ImportAsync(archive, cancel);
            ServerLog.Step(_log, $"Imported the images of {archive}");
        }
        catch (InvalidOperationException error)
        {
            // One bad archive must not keep the node from starting.
            ServerLog.ImportFailed(_log, archive, error.Message);
        }
    }

    private KubeletConfig KubeletSettings(string endpoint)
    {
        var serving = X509Certificate2.CreateFromPemFile(config.Layout.AgentFile("serving-kubelet.crt"), config.Layout.AgentFile("serving-kubelet.key"));
        var clientCa = new X509Certificate2Collection();
        clientCa.ImportFromPemFile(config.Layout.AgentFile("client-ca.crt"));
        var labels = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["node.kubernetes.io/instance-type"] = "k3s",
            ["beta.kubernetes.io/instance-type"] = "k3s",
        };
        // Who has it is asked for pods through its tunnel.
        if (config.Cluster.EgressSelectorMode is "cluster" or "pod") labels[KubeletTunnels.PodsLabel] = "true";
        foreach (var (key, value) in config.Labels) labels[key] = value;
        return new KubeletConfig
        {
            NodeName = config.Name,
            NodeIps = config.Ips,
            NodeExternalIps = config.ExternalIps,
            NodeInternalDns = config.InternalDns,
            NodeExternalDns = config.ExternalDns,
            NodeLabels = labels,
            NodeAnnotations = config.Annotations,
            RegisterWithTaints = [.. config.Taints.Select(taint => new NodeTaint(taint.Key, taint.Value, taint.Effect))],
            ProviderId = $"k3s://{config.Name}",
            RuntimeEndpoint = endpoint,
            ClusterDns = config.Cluster.ClusterDns,
            ClusterDomain = config.Cluster.ClusterDomain,
            ResolvConfPath = config.ResolvConf,
            // Outside a service K3s keeps its pods below a cgroup of its own.
            CgroupRoot = config.Kubelet.Text("cgroup-root") ?? (Environment.GetEnvironmentVariable("INVOCATION_ID") is { Length: > 0 } ? "/" : "/k3s"),
            CgroupDriver = _cgroupDriver,
            MaxPods = int.TryParse(config.Kubelet.Text("max-pods"), out var pods) ? pods : 110,
            StaticPodPath = config.Layout.StaticPods,
            Arguments = config.Kubelet.Last,
            ServerAddress = config.Bind ?? FlagValues.AnyOf(config.Ips),
            ServingCertificate = () => serving,
            ClientCa = clientCa,
            KubeletVersion = Product.KubernetesVersion,
        };
    }

    private NetworkConfig NetworkSettings() => new()
    {
        NodeName = config.Name,
        NodeIps = config.Ips,
        DataDir = config.Layout.Root,
        ClusterCidrs = config.Cluster.ClusterCidrs,
        ServiceCidrs = config.Cluster.ServiceCidrs,
        NodePortFirst = config.Cluster.NodePorts.First,
        NodePortLast = config.Cluster.NodePorts.Last,
        ClusterDns = config.Cluster.ClusterDns,
        ClusterDomain = config.Cluster.ClusterDomain,
        Backend = config.Flannel.Backend ?? FlagValues.Backend(config.Cluster.FlannelBackend),
        VxlanId = config.Flannel.VxlanId,
        VxlanPort = config.Flannel.VxlanPort,
        RoutesDirectly = config.Flannel.RoutesDirectly,
        CniConf = config.CniConf,
        MasqueradesIPv6Pods = config.Cluster.MasqueradesIPv6Pods,
        NodeExternalIps = config.ExternalIps,
        UsesExternalIps = config.Cluster.UsesExternalIps,
        FlannelInterface = config.FlannelInterface,
        UpstreamResolvConf = config.ResolvConf,
        Disabled = config.Cluster.Disabled,
        Proxy = config.Proxy,
        DisablesNetworkPolicy = config.Cluster.DisablesNetworkPolicy,
        KeptSockets = sockets,
    };
}
