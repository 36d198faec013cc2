using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;

namespace Bramble.Network.PodNetwork.Overlays;

/// <summary>Another node as the overlay needs it. <c>Data</c>: VXLAN's MAC or WireGuard's public key; null: reached without a tunnel (host-gw).
/// <c>Port</c> null: the usual one.</summary>
internal sealed record OverlayPeer(string Node, IPNetwork PodCidr, IPAddress PublicIp, string? Data, int? Port = null);

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

    /// <summary>The peers of <paramref name="ownName"/> in one family; nodes that have not said enough yet are not among them.</summary>
    public static Dictionary<string, OverlayPeer> Decide(IEnumerable<V1Node> nodes, string ownName, FlannelBackend backend, bool isV6)
    {
        var peers = new Dictionary<string, OverlayPeer>(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            if (node.Metadata.Name == ownName || node.Metadata.DeletionTimestamp is not null || node.Metadata.Annotations is not { } annotations) continue;
            if (Said(annotations, "backend-type") != BackendType(backend)) continue;
            var address = Said(annotations, PublicIpKey(isV6) + "-overwrite") ?? Said(annotations, PublicIpKey(isV6));
            if (!IPAddress.TryParse(address, out var publicIp) || PodCidr(node, isV6) is not { } podCidr) continue;
            var data = backend switch { FlannelBackend.Vxlan => VtepMac(node, isV6), FlannelBackend.WireguardNative => PublicKey(node, isV6), _ => null };
            if (data is null && backend != FlannelBackend.HostGw) continue;
            peers[node.Metadata.Name] = new OverlayPeer(node.Metadata.Name, podCidr, publicIp, data, backend == FlannelBackend.WireguardNative ? WireguardPort(node, isV6) : null);
        }
        return peers;
    }

    /// <summary>The MAC of a node's VXLAN interface as it last said; null: nothing readable.</summary>
    public static string? VtepMac(V1Node? node, bool isV6) =>
        Field(node, isV6, "VtepMAC") is JsonValue value && value.TryGetValue<string>(out var mac) && TryParseMac(mac, out _) ? mac.ToLowerInvariant() : null;

    public static IPNetwork? PodCidr(V1Node? node, bool isV6)
    {
        foreach (var text in node?.Spec?.PodCIDRs is { Count: > 0 } several ? several : node?.Spec?.PodCIDR is { } single ? [single] : [])
            if (IPNetwork.TryParse(text, out var cidr) && cidr.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 == isV6) return cidr;
        return null;
    }

    /// <summary>What a node says about itself, without its families.</summary>
    public static JsonObject Announcement(FlannelBackend backend) => new() { [Prefix + "kube-subnet-manager"] = "true", [Prefix + "backend-type"] = BackendType(backend) };

    /// <summary>Adds one family to it.</summary>
    public static void Announce(JsonObject announcement, NetworkConfig config, bool isV6, IPAddress publicIp, string? data)
    {
        announcement[Prefix + DataKey(isV6)] = config.Backend switch
        {
            FlannelBackend.Vxlan => new JsonObject { ["VNI"] = config.VxlanId, ["VtepMAC"] = data }.ToJsonString(),
            FlannelBackend.WireguardNative => new JsonObject { ["PublicKey"] = data }.ToJsonString(),
            _ => "null",
        };
        announcement[Prefix + PublicIpKey(isV6)] = publicIp.ToString();
        if (config.UsesExternalIps) announcement[Prefix + PublicIpKey(isV6) + "-overwrite"] = publicIp.ToString();
    }

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

    private static string? Said(IDictionary<string, string> annotations, string key) => annotations.TryGetValue(Prefix + key, out var value) ? value : null;

    private static string DataKey(bool isV6) => isV6 ? "backend-v6-data" : "backend-data";

    private static string PublicIpKey(bool isV6) => isV6 ? "public-ipv6" : "public-ip";

    private static string? PublicKey(V1Node node, bool isV6)
    {
        const int keyBytes = 32;
        Span<byte> key = stackalloc byte[keyBytes + 1];
        return Field(node, isV6, "PublicKey") is JsonValue value && value.TryGetValue<string>(out var text) && Convert.TryFromBase64String(text, key, out var length) && length == keyBytes ? text : null;
    }

    private static int? WireguardPort(V1Node node, bool isV6) => Field(node, isV6, "Port") is JsonValue value && value.TryGetValue<int>(out var port) && port is > 0 and < 65536 ? port : null;

    private static JsonNode? Field(V1Node? node, bool isV6, string name)
    {
        if (node?.Metadata.Annotations?.TryGetValue(Prefix + DataKey(isV6), out var data) != true) return null;
        try
        {
            return (JsonNode.Parse(data!) as JsonObject)?[name];
        }
        catch (JsonException)
        {
            return null; // not for us: the node has not said enough
        }
    }
}
