using System.Net;
using Bramble.Client;
using Bramble.Network.Netlink;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.PodNetwork;

/// <summary>Makes this node's part of the pod network as soon as the node has its podCIDR: kernel settings, bridge, CNI configuration, and the route by
/// which the host itself reaches service addresses. Level-triggered: each change of the Node looks at everything again.</summary>
internal sealed class PodNetworkSetup(NetworkConfig config, IInformers informers, bool hasBridgeNetfilter, ILogger logger)
{
    private readonly SemaphoreSlim _changed = new(1);
    private readonly TaskCompletionSource _configured = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done when the runtime can connect pods.</summary>
    public Task Configured => _configured.Task;

    public async Task RunAsync(CancellationToken cancel)
    {
        using (var routes = new RouteNetlink())
        {
            KernelSettings.Apply(UsesV6, Uplink.Find(routes, config.FlannelInterface, config.NodeIps)?.Name, logger);
            SetServiceRoutes(routes);
        }
        if (config.Backend == FlannelBackend.None)
        {
            _configured.TrySetResult();
            return;
        }

        using var nodes = informers.For(Resources.Nodes).Subscribe(c =>
        {
            if (c.Name.Name == config.NodeName) Wake();
        });
        await informers.For(Resources.Nodes).Synced.WaitAsync(cancel);
        IReadOnlyList<IPNetwork> done = [];
        while (true)
        {
            await _changed.WaitAsync(cancel);
            var podCidrs = PodCidrs(informers.For(Resources.Nodes).Find(new("", config.NodeName)));
            if (podCidrs.Count == 0 || podCidrs.SequenceEqual(done)) continue;
            Configure(podCidrs);
            done = podCidrs;
            _configured.TrySetResult();
        }
    }

    private void Wake()
    {
        if (_changed.CurrentCount == 0) _changed.Release();
    }

    private bool UsesV6 => config.ClusterCidrs.Concat(config.ServiceCidrs).Any(c => Services.ServiceFrontEnds.FamilyOf(c.BaseAddress) == Services.IpFamily.V6);

    private static List<IPNetwork> PodCidrs(V1Node? node)
    {
        var cidrs = new List<IPNetwork>();
        IEnumerable<string> all = node?.Spec?.PodCIDRs is { Count: > 0 } several ? several : node?.Spec?.PodCIDR is { } single ? [single] : [];
        foreach (var text in all)
            if (IPNetwork.TryParse(text, out var cidr)) cidrs.Add(cidr);
        return cidrs;
    }

    private void Configure(IReadOnlyList<IPNetwork> podCidrs)
    {
        using var routes = new RouteNetlink();
        var mtu = Uplink.PodMtu(Uplink.Find(routes, config.FlannelInterface, config.NodeIps), config);
        var mac = CniConfiguration.BridgeMac(CniConfiguration.Gateway(podCidrs[0]));
        var bridge = routes.EnsureBridge(CniConfiguration.Bridge, mtu, mac);
        foreach (var cidr in podCidrs) routes.EnsureAddress(bridge.Index, CniConfiguration.Gateway(cidr), cidr.PrefixLength);
        WriteWhole(config.SubnetFile, CniConfiguration.SubnetFile(config.ClusterCidrs, podCidrs, mtu));
        // Last: from here on the runtime connects pods.
        WriteWhole(Path.Combine(config.CniConfDir, CniConfiguration.FileName), config.CniConf ?? CniConfiguration.Conflist(podCidrs, mtu, config.CniStateDir, hasBridgeNetfilter));
        Log.PodNetworkReady(logger, string.Join(", ", podCidrs), CniConfiguration.Bridge, mtu);
    }

    // A host without a default route has no way to 10.43.0.0/16: the connection fails in the routing, before the rules that would translate it. The
    // route leads to the loopback, where nothing is sent: what the rules translate is routed again, what they do not know they refuse.
    private void SetServiceRoutes(RouteNetlink routes)
    {
        var loopback = routes.FindLink("lo") ?? throw new InvalidOperationException("this machine has no loopback interface \"lo\"");
        if (!loopback.IsUp) routes.SetUp(loopback.Index);
        // Else connections would begin with the loopback's 64 KB packets.
        var mtu = Uplink.PodMtu(Uplink.Find(routes, config.FlannelInterface, config.NodeIps), config);
        foreach (var cidr in config.ServiceCidrs)
        {
            var source = config.NodeIps.FirstOrDefault(ip => ip.AddressFamily == cidr.BaseAddress.AddressFamily);
            if (source is not null) routes.SetRoute(cidr, loopback.Index, source: source, mtu: mtu);
        }
    }

    private static void WriteWhole(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (File.Exists(path) && File.ReadAllText(path) == text) return;
        var beside = path + ".new";
        File.WriteAllText(beside, text);
        File.Move(beside, path, overwrite: true);
    }
}
