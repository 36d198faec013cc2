using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;

namespace Bramble.Network.PodNetwork;

/// <summary>Another node as the overlay needs it. <c>Vtep</c> null: reached without a tunnel (host-gw).</summary>
internal sealed record OverlayPeer(string Node, IPNetwork PodCidr, IPAddress PublicIp, string? Vtep);

/// <summary>flannel's node annotations: what a node says about itself, and what it reads from the others. Pure. Nodes of K3s and upstream flannel with the
/// same backend are understood, and understand us.</summary>
internal static class OverlayPeers
{
    private const string Prefix = "flannel.alpha.coreos.com/";

    /// <summary>flannel's word for a backend.</summary>
    public static string BackendType(FlannelBackend backend) => backend switch
    {
        FlannelBackend.Vxlan => "vxlan",
        FlannelBackend.HostGw => "host-gw",
        FlannelBackend.WireguardNative => "wireguard",
        _ => "",
    };

    /// <summary>The IPv4 peers of <paramref name="ownName"/>; nodes that have not said enough yet are not among them.</summary>
    public static Dictionary<string, OverlayPeer> Decide(IEnumerable<V1Node> nodes, string ownName, FlannelBackend backend)
    {
        var peers = new Dictionary<string, OverlayPeer>(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            if (node.Metadata.Name == ownName || node.Metadata.DeletionTimestamp is not null || node.Metadata.Annotations is not { } annotations) continue;
            if (Said(annotations, "backend-type") != BackendType(backend)) continue;
            var address = Said(annotations, "public-ip-overwrite") ?? Said(annotations, "public-ip");
            if (!IPAddress.TryParse(address, out var publicIp) || PodCidr(node) is not { } podCidr) continue;
            var vtep = backend == FlannelBackend.Vxlan ? VtepMac(node) : null;
            if (backend == FlannelBackend.Vxlan && vtep is null) continue;
            peers[node.Metadata.Name] = new OverlayPeer(node.Metadata.Name, podCidr, publicIp, vtep);
        }
        return peers;
    }

    private static string? Said(IDictionary<string, string> annotations, string key) => annotations.TryGetValue(Prefix + key, out var value) ? value : null;

    /// <summary>The MAC of a node's VXLAN interface as it last said; null: nothing readable.</summary>
    public static string? VtepMac(V1Node? node)
    {
        if (node?.Metadata.Annotations?.TryGetValue(Prefix + "backend-data", out var data) != true) return null;
        try
        {
            var mac = JsonNode.Parse(data!)?["VtepMAC"]?.GetValue<string>();
            return mac is not null && TryParseMac(mac, out _) ? mac.ToLowerInvariant() : null;
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    public static IPNetwork? PodCidr(V1Node? node)
    {
        foreach (var text in node?.Spec?.PodCIDRs is { Count: > 0 } several ? several : node?.Spec?.PodCIDR is { } single ? [single] : [])
            if (IPNetwork.TryParse(text, out var cidr) && cidr.BaseAddress.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork) return cidr;
        return null;
    }

    /// <summary>What a node says about itself.</summary>
    public static JsonObject Annotations(FlannelBackend backend, IPAddress publicIp, string? vtepMac) => new()
    {
        [Prefix + "kube-subnet-manager"] = "true",
        [Prefix + "backend-type"] = BackendType(backend),
        [Prefix + "backend-data"] = vtepMac is null ? "null" : new JsonObject { ["VNI"] = 1, ["VtepMAC"] = vtepMac }.ToJsonString(),
        [Prefix + "public-ip"] = publicIp.ToString(),
    };

    public static bool TryParseMac(string text, out byte[] mac)
    {
        mac = [];
        var parts = text.Split(':');
        if (parts.Length != 6) return false;
        var bytes = new byte[6];
        for (var i = 0; i < 6; i++)
            if (!byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bytes[i])) return false;
        mac = bytes;
        return true;
    }

    public static string FormatMac(ReadOnlySpan<byte> mac) => string.Join(':', mac.ToArray().Select(b => b.ToString("x2", CultureInfo.InvariantCulture)));
}
