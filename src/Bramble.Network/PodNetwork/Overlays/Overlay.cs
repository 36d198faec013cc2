using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Network.Netlink;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.PodNetwork.Overlays;

/// <summary>The way to pods of other nodes, flannel-compatible, one a family. Follows the Node objects and the kernel: what a peer no longer says is taken
/// out, what somebody else took out (a link that flapped, <c>ip route flush</c>) is put back.</summary>
internal sealed class Overlay(NetworkConfig config, IKubeClient client, IInformers informers, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);
    // A link that goes or comes is many messages; one look after the last is enough.
    private static readonly TimeSpan Calm = TimeSpan.FromMilliseconds(50);
    private static readonly string[] OwnLinks = ["flannel.1", "flannel-v6.1", "flannel-wg", "flannel-wg-v6"];

    private readonly IReadOnlyList<(IOverlayWay Way, Dictionary<string, OverlayPeer> Known)> _ways = [.. Ways(config).Select(way => (way, new Dictionary<string, OverlayPeer>(StringComparer.Ordinal)))];
    private readonly SemaphoreSlim _changed = new(1);

    public async Task RunAsync(CancellationToken cancel)
    {
        // Listens before the first look, so that nothing falls between.
        using var monitor = new RouteMonitor(IsOfInterest);
        var nodes = informers.For(Resources.Nodes);
        using var subscription = nodes.Subscribe(c =>
        {
            // Heartbeats are not news.
            if (Fingerprint(c.Old) != Fingerprint(c.New)) Wake();
        });
        await nodes.Synced.WaitAsync(cancel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var watching = WatchKernelAsync(monitor, stop.Token);
        try
        {
            await FollowAsync(nodes, cancel);
        }
        finally
        {
            await stop.CancelAsync();
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static IEnumerable<IOverlayWay> Ways(NetworkConfig config)
    {
        foreach (var isV6 in new[] { false, true })
        {
            var isUsed = config.ClusterCidrs.Any(cidr => cidr.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 == isV6);
            if (!isUsed) continue;
            yield return config.Backend switch
            {
                FlannelBackend.HostGw => new DirectWay(isV6),
                FlannelBackend.WireguardNative => new WireguardWay(isV6, Path.GetDirectoryName(config.SubnetFile)!),
                _ => new VxlanWay(isV6, config.VxlanId, config.VxlanPort),
            };
        }
    }

    private void Wake()
    {
        if (_changed.CurrentCount == 0) _changed.Release();
    }

    // Pods' links come and go all the time and carry no route of ours.
    private static bool IsOfInterest(string link) => !link.StartsWith("veth", StringComparison.Ordinal) && link is not (CniConfiguration.Bridge or "lo");

    private async Task WatchKernelAsync(RouteMonitor monitor, CancellationToken cancel)
    {
        while (true)
        {
            await monitor.NextAsync(cancel);
            await Task.Delay(Calm, time, cancel);
            Wake();
        }
    }

    private async Task FollowAsync(IInformer<V1Node> nodes, CancellationToken cancel)
    {
        var isFirst = true;
        while (true)
        {
            await _changed.WaitAsync(cancel);
            if (nodes.Find(new("", config.NodeName)) is not { } own) continue;
            try
            {
                using var routes = new RouteNetlink();
                if (isFirst) RemoveOtherLinks(routes);
                var uplink = Uplink.Find(routes, config.FlannelInterface, config.NodeIps);
                var addresses = Uplink.Ends(routes, uplink, config);
                var ends = new List<(IOverlayWay Way, Dictionary<string, OverlayPeer> Known, OverlayEnd End)>();
                var said = OverlayPeers.Announcement(config.Backend);
                foreach (var (way, known) in _ways)
                {
                    if (Self(own, way.IsV6, uplink, addresses) is not { } self) continue;
                    var end = way.Ensure(routes, self);
                    if (end.IsNew) known.Clear();
                    ends.Add((way, known, end));
                    OverlayPeers.Announce(said, config, way.IsV6, self.PublicIp, end.Data);
                }
                if (ends.Count == 0) continue;
                await AnnounceAsync(own, said, cancel);
                foreach (var (way, known, end) in ends) Follow(routes, way, known, OverlayPeers.Decide(nodes.List(), config.NodeName, config.Backend, way.IsV6), end.Link, isFirst);
                isFirst = false;
            }
            catch (Exception failed) when (failed is NetlinkException or InvalidOperationException or StatusException)
            {
                Log.OverlayFailed(logger, failed.Message, (int)Retry.TotalSeconds);
                await Task.Delay(Retry, time, cancel);
                Wake();
            }
        }
    }

    private OverlaySelf? Self(V1Node own, bool isV6, Link? uplink, IReadOnlyList<IPAddress> addresses)
    {
        if (OverlayPeers.PodCidr(own, isV6) is not { } podCidr || Of(config.NodeIps, isV6) is null) return null;
        var address = Of(addresses, isV6) ??
            throw new InvalidOperationException($"--flannel-iface: {config.FlannelInterface} {(uplink is null ? "is not there" : $"has no IPv{(isV6 ? 6 : 4)} address")}; give it one or name another interface");
        var publicIp = config.UsesExternalIps ? Of(config.NodeExternalIps, isV6) ?? address : address;
        return new OverlaySelf(own, podCidr, address, publicIp, uplink, Uplink.PodMtu(uplink, config));
    }

    private static IPAddress? Of(IReadOnlyList<IPAddress> addresses, bool isV6) => addresses.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetworkV6 == isV6);

    // Another backend's, of an earlier run: its routes go with it.
    private void RemoveOtherLinks(RouteNetlink routes)
    {
        foreach (var link in routes.ListLinks())
            if (OwnLinks.Contains(link.Name) && _ways.All(one => one.Way.LinkName != link.Name)) routes.DeleteLink(link.Index);
    }

    private async Task AnnounceAsync(V1Node own, JsonObject wanted, CancellationToken cancel)
    {
        if (wanted.All(a => own.Metadata.Annotations?.TryGetValue(a.Key, out var value) == true && value == a.Value!.GetValue<string>())) return;
        var body = new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = wanted } };
        await client.PatchAsync(Resources.Nodes, new("", config.NodeName), new Patch(PatchType.Merge, body), null, cancel);
    }

    private void Follow(RouteNetlink routes, IOverlayWay way, Dictionary<string, OverlayPeer> known, Dictionary<string, OverlayPeer> wanted, int link, bool isFirst)
    {
        if (isFirst) way.LeaveOthers(routes, link, wanted.Values);
        var present = routes.ListRoutes().Where(route => route.Protocol == RouteNetlink.OurProtocol && IsForPods(route.Destination, way.IsV6)).ToList();
        foreach (var gone in known.Values.Where(k => !wanted.TryGetValue(k.Node, out var now) || now != k).ToList())
        {
            way.Leave(routes, link, gone);
            known.Remove(gone.Node);
            if (!wanted.ContainsKey(gone.Node)) Log.OverlayPeerGone(logger, gone.Node, gone.PodCidr.ToString());
        }
        foreach (var route in present)
            if (!wanted.Values.Any(peer => peer.PodCidr == route.Destination)) routes.DeleteRoute(route.Destination);
        foreach (var peer in wanted.Values)
        {
            var gateway = way.GatewayOf(peer);
            var isNew = !known.ContainsKey(peer.Node);
            if (isNew) way.Reach(routes, link, peer);
            if (!present.Exists(route => route.Destination == peer.PodCidr && route.LinkIndex == link && Equals(route.Gateway, gateway)))
                routes.SetRoute(peer.PodCidr, link, gateway, isOnLink: way.LinkName is not null && gateway is not null);
            known[peer.Node] = peer;
            if (isNew) Log.OverlayPeerKnown(logger, peer.Node, peer.PodCidr.ToString(), peer.PublicIp.ToString());
        }
    }

    private bool IsForPods(IPNetwork destination, bool isV6) =>
        destination.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 == isV6
        && config.ClusterCidrs.Any(cidr => cidr.BaseAddress.AddressFamily == destination.BaseAddress.AddressFamily && cidr.Contains(destination.BaseAddress));

    private static string Fingerprint(V1Node? node) => node is null ? "" : string.Join('|',
        string.Join(',', node.Spec?.PodCIDRs ?? []), node.Spec?.PodCIDR, node.Metadata.DeletionTimestamp is null,
        string.Join(',', (node.Metadata.Annotations ?? new Dictionary<string, string>()).Where(a => a.Key.StartsWith("flannel.", StringComparison.Ordinal)).Select(a => a.Key + a.Value)));
}
