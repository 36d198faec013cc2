using System.Net;
using Bramble.Client;
using Bramble.Network.Tests.Support;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Network.Tests.Traffic;

/// <summary>A board on a LAN with the real network running on it: the process' namespace is the board (192.0.2.2, fd00:2::2, no default route), <c>Lan</c> a
/// neighbour (192.0.2.9, fd00:2::9), and pods are namespaces on the board's bridge. Objects come from memory.</summary>
public sealed class BoardFixture : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<IDisposable> _open = [];
    private Task _running = Task.CompletedTask;

    internal MemoryCluster Cluster { get; } = new();
    internal NetworkNamespace Lan { get; private set; } = null!;
    internal NetworkNamespace PodA { get; private set; } = null!;
    internal NetworkNamespace PodB { get; private set; } = null!;
    internal string DataDir { get; } = Directory.CreateTempSubdirectory("bramble-network-").FullName;
    internal List<string> Warnings { get; } = [];

    internal NetworkConfig Config { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        if (NetworkNamespace.HostProblem is not null) return;
        Lan = new NetworkNamespace();
        NetworkNamespace.Run("ip", $"link add eth0 type veth peer name eth0 netns {Lan.Path}");
        NetworkNamespace.Run("ip", "addr add 192.0.2.2/24 dev eth0");
        NetworkNamespace.Run("ip", "addr add fd00:2::2/64 dev eth0 nodad");
        NetworkNamespace.Run("ip", "link set eth0 up");
        Lan.Ip("addr add 192.0.2.9/24 dev eth0");
        Lan.Ip("addr add fd00:2::9/64 dev eth0 nodad");
        Lan.Ip("link set eth0 up");
        // A neighbour that knows the way to the service range, as people set it on their router.
        Lan.Ip("route add default via 192.0.2.2");
        Lan.Ip("route add default via fd00:2::2");

        File.WriteAllText(Path.Combine(DataDir, "resolv.conf"), "nameserver 192.0.2.9\n");
        Config = new NetworkConfig
        {
            NodeName = Make.Node,
            NodeIps = [IPAddress.Parse("192.0.2.2"), IPAddress.Parse("fd00:2::2")],
            ClusterCidrs = [IPNetwork.Parse("10.42.0.0/16"), IPNetwork.Parse("fd00:42::/56")],
            ServiceCidrs = [IPNetwork.Parse("10.43.0.0/16"), IPNetwork.Parse("fd00:43::/112")],
            ClusterDns = [IPAddress.Parse("10.43.0.10"), IPAddress.Parse("fd00:43::a")],
            DataDir = DataDir,
            SubnetFile = Path.Combine(DataDir, "subnet.env"),
            Disabled = new HashSet<string> { "traefik" },
            UpstreamResolvConf = Path.Combine(DataDir, "resolv.conf"),
        };
        Cluster.Objects(Resources.Nodes).Set(new V1Node
        {
            Metadata = new() { Name = Make.Node },
            Spec = new() { PodCIDR = "10.42.0.0/24", PodCIDRs = ["10.42.0.0/24", "fd00:42::/64"] },
            Status = new() { Addresses = [new() { Type = "InternalIP", Address = "192.0.2.2" }, new() { Type = "InternalIP", Address = "fd00:2::2" }, new() { Type = "Hostname", Address = Make.Node }] },
        });
        Cluster.Objects(Resources.Services);
        Cluster.Objects(Resources.EndpointSlices);
        Cluster.Objects(Resources.Pods);
        Cluster.Objects(Resources.Namespaces);

        var logs = new ListLoggerFactory(Warnings);
        var objects = new ClusterNetwork(Cluster, Cluster, TimeProvider.System, logs);
        var network = new Network(Config, Cluster, Cluster, Cluster, objects.Definitions, TimeProvider.System, logs);
        _running = Task.WhenAll(network.RunAsync(_stop.Token), ServeObjectsAsync());
        await (await Task.WhenAny(network.Ready, _running)).WaitAsync(TimeSpan.FromSeconds(20));

        async Task ServeObjectsAsync()
        {
            try
            {
                await objects.RunAsync(Config, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return; // the fixture stops
            }
        }

        PodA = AddPod("a", "10.42.0.5", "fd00:42::5");
        PodB = AddPod("b", "10.42.0.6", "fd00:42::6");
        _open.Add(Talk.Serve(PodA, "a", 8080));
        _open.Add(Talk.Serve(PodB, "b", 8080));
        _open.Add(Talk.Serve(null, "host", 9090));
        _open.Add(Talk.Serve(Lan, "lan", 7070));
        _open.Add(Talk.Serve(PodA, "a6", 8086, "::"));
        _open.Add(Talk.Serve(PodB, "b6", 8086, "::"));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        foreach (var open in _open) open.Dispose();
        Directory.Delete(DataDir, recursive: true);
    }

    /// <summary>Sets a service with endpoints on port 8080 and waits until the kernel has it.</summary>
    internal async Task ServeAsync(V1Service service, V1EndpointSlice? slice)
    {
        if (slice is not null) Cluster.Objects(Resources.EndpointSlices).Set(slice);
        Cluster.Objects(Resources.Services).Set(service);
        await SettledAsync();
    }

    /// <summary>Waits until everything set so far is in the kernel: a marker that is set last has arrived.</summary>
    internal async Task SettledAsync()
    {
        var port = Interlocked.Increment(ref _marker);
        Cluster.Objects(Resources.Services).Set(Make.Service("marker", "10.43.255.254", Make.Port(port)));
        var marker = $"10.43.255.254 . tcp . {port}";
        await EventuallyAsync(() => NetworkNamespace.Run("nft", "list ruleset").Contains(marker, StringComparison.Ordinal), "the marker in the kernel");
    }

    internal async Task EventuallyAsync(Func<bool> condition, string what)
    {
        var until = DateTime.UtcNow.AddSeconds(10);
        while (!condition())
        {
            // The network that has ended says why; a test then need not wait.
            if (_running.IsFaulted) await _running;
            Assert.True(DateTime.UtcNow < until, $"waited 10 s for {what}\n{string.Join("\n", Warnings)}");
            await Task.Delay(10);
        }
    }

    private int _marker;

    private static NetworkNamespace AddPod(string name, string address, string addressV6)
    {
        var pod = new NetworkNamespace();
        NetworkNamespace.Run("ip", $"link add veth{name} type veth peer name eth0 netns {pod.Path}");
        NetworkNamespace.Run("ip", $"link set veth{name} master cni0 up");
        NetworkNamespace.Run("ip", $"link set veth{name} type bridge_slave hairpin on");
        pod.Ip($"addr add {address}/24 dev eth0");
        pod.Ip($"addr add {addressV6}/64 dev eth0 nodad");
        pod.Ip("link set eth0 up");
        pod.Ip("route add default via 10.42.0.1");
        pod.Ip("route add default via fd00:42::1");
        return pod;
    }
}

/// <summary>There is one board: the test classes that use it run one after another with one fixture.</summary>
[CollectionDefinition(nameof(Board))]
public sealed class Board : ICollectionFixture<BoardFixture>;

/// <summary>Keeps warnings and worse, so that a test can say why.</summary>
internal sealed class ListLoggerFactory(List<string> lines) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;
    public void AddProvider(ILoggerProvider provider) { }
    public void Dispose() { }
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => NullLogger.Instance.BeginScope(state);
    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        // 6033: a test flushes all rules.
        if (logLevel < LogLevel.Warning || eventId.Id == 6033) return;
        lock (lines) lines.Add(formatter(state, exception));
    }
}
