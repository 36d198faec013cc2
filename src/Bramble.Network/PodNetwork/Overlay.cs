using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Network.Netlink;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.PodNetwork;

/// <summary>The way to pods of other nodes, flannel-compatible: VXLAN (UDP 8472, VNI 1, no learning: every peer's MAC and address is written from its
/// annotations) or plain routes (host-gw). Follows the Node objects; what a peer no longer says is taken out.</summary>
internal sealed class Overlay(NetworkConfig config, IKubeClient client, IInformers informers, TimeProvider time, ILogger logger)
{
    private const string VxlanLink = "flannel.1";
    private const int VxlanPort = 8472;
    private const int VxlanId = 1;
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, OverlayPeer> _known = new(StringComparer.Ordinal);

    public async Task RunAsync(CancellationToken cancel)
    {
        using var changed = new SemaphoreSlim(1);
        var nodes = informers.For(Resources.Nodes);
        using var subscription = nodes.Subscribe(c =>
        {
            // Heartbeats are not news.
            if (Fingerprint(c.Old) != Fingerprint(c.New) && changed.CurrentCount == 0) changed.Release();
        });
        await nodes.Synced.WaitAsync(cancel);
        int? link = null;
        var isFirst = true;
        while (true)
        {
            await changed.WaitAsync(cancel);
            var own = nodes.Find(new("", config.NodeName));
            if (own is null || OverlayPeers.PodCidr(own) is not { } podCidr || OwnAddress() is not { } publicIp) continue;
            try
            {
                using var routes = new RouteNetlink();
                var uplink = Uplink.Find(routes, config.FlannelInterface, config.NodeIps);
                if (link is null)
                {
                    string? mac = null;
                    if (config.Backend == FlannelBackend.Vxlan) (link, mac) = EnsureVxlan(routes, own, podCidr, publicIp, uplink);
                    else link = uplink?.Index ?? throw new InvalidOperationException("no network interface leads to other nodes; name one with --flannel-iface");
                    await AnnounceAsync(own, publicIp, mac, cancel);
                }
                Follow(routes, OverlayPeers.Decide(nodes.List(), config.NodeName, config.Backend), link.Value, isFirst);
                isFirst = false;
            }
            catch (Exception failed) when (failed is NetlinkException or InvalidOperationException or StatusException)
            {
                Log.OverlayFailed(logger, failed.Message, (int)Retry.TotalSeconds);
                await Task.Delay(Retry, time, cancel);
                if (changed.CurrentCount == 0) changed.Release();
            }
        }
    }

    private IPAddress? OwnAddress() => config.NodeIps.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork);

    // The MAC said before is used again: the other nodes have it in their tables.
    private (int Link, string Mac) EnsureVxlan(RouteNetlink routes, V1Node own, IPNetwork podCidr, IPAddress publicIp, Link? uplink)
    {
        var mac = OverlayPeers.VtepMac(own) is { } said && OverlayPeers.TryParseMac(said, out var bytes) ? bytes : NewMac();
        var known = routes.FindLink(VxlanLink);
        if (known is not null && !known.Mac.AsSpan().SequenceEqual(mac))
        {
            routes.DeleteLink(known.Index);
            known = null;
        }
        var mtu = Uplink.PodMtu(uplink, config.Backend);
        var link = known ?? routes.CreateVxlan(VxlanLink, mac, mtu, VxlanId, VxlanPort, uplink?.Index ?? 0, publicIp);
        routes.EnsureAddress(link.Index, podCidr.BaseAddress, 32);
        routes.SetUp(link.Index, mtu);
        return (link.Index, OverlayPeers.FormatMac(mac));
    }

    private static byte[] NewMac()
    {
        var mac = RandomNumberGenerator.GetBytes(6);
        // Locally administered, for one receiver.
        mac[0] = (byte)(mac[0] & 0xfe | 0x02);
        return mac;
    }

    private async Task AnnounceAsync(V1Node own, IPAddress publicIp, string? mac, CancellationToken cancel)
    {
        var wanted = OverlayPeers.Annotations(config.Backend, publicIp, mac);
        if (wanted.All(a => own.Metadata.Annotations?.TryGetValue(a.Key, out var value) == true && value == a.Value!.GetValue<string>())) return;
        var body = new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = wanted } };
        await client.PatchAsync(Resources.Nodes, new("", config.NodeName), new Patch(PatchType.Merge, body), null, cancel);
    }

    private void Follow(RouteNetlink routes, Dictionary<string, OverlayPeer> wanted, int link, bool isFirst)
    {
        if (isFirst) RemoveStale(routes, wanted, link);
        foreach (var gone in _known.Values.Where(k => !wanted.TryGetValue(k.Node, out var now) || now != k).ToList())
        {
            routes.DeleteRoute(gone.PodCidr);
            if (gone.Vtep is not null && OverlayPeers.TryParseMac(gone.Vtep, out var mac))
            {
                routes.DeleteNeighbour(link, gone.PodCidr.BaseAddress, mac, isForwarding: false);
                routes.DeleteNeighbour(link, gone.PublicIp, mac, isForwarding: true);
            }
            _known.Remove(gone.Node);
            Log.OverlayPeerGone(logger, gone.Node, gone.PodCidr.ToString());
        }
        foreach (var peer in wanted.Values.Where(p => !_known.ContainsKey(p.Node)))
        {
            if (peer.Vtep is not null && OverlayPeers.TryParseMac(peer.Vtep, out var mac))
            {
                // The peer's tunnel end is the first address of its pod network; its MAC is known beforehand, so nobody ever asks for it.
                routes.SetNeighbour(link, peer.PodCidr.BaseAddress, mac, isForwarding: false);
                routes.SetNeighbour(link, peer.PublicIp, mac, isForwarding: true);
                routes.SetRoute(peer.PodCidr, link, gateway: peer.PodCidr.BaseAddress, isOnLink: true);
            }
            else routes.SetRoute(peer.PodCidr, link, gateway: peer.PublicIp);
            _known[peer.Node] = peer;
            Log.OverlayPeerKnown(logger, peer.Node, peer.PodCidr.ToString(), peer.PublicIp.ToString());
        }
    }

    // Routes of an earlier run to nodes that have gone meanwhile.
    private void RemoveStale(RouteNetlink routes, Dictionary<string, OverlayPeer> wanted, int link)
    {
        foreach (var route in routes.ListRoutes())
            if (route.Protocol == RouteNetlink.OurProtocol && route.LinkIndex == link && route.Gateway is not null && !wanted.Values.Any(p => p.PodCidr == route.Destination))
                routes.DeleteRoute(route.Destination);
    }

    private static string Fingerprint(V1Node? node) => node is null ? "" : string.Join('|',
        node.Spec?.PodCIDR, node.Metadata.DeletionTimestamp is null,
        string.Join(',', (node.Metadata.Annotations ?? new Dictionary<string, string>()).Where(a => a.Key.StartsWith("flannel.", StringComparison.Ordinal)).Select(a => a.Key + a.Value)));
}
