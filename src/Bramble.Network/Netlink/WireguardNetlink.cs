using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Bramble.Network.Netlink;

/// <summary>WireGuard interfaces by generic netlink: what <c>wg set</c> would do. Source: linux/wireguard.h, linux/genetlink.h. Not thread-safe.</summary>
internal sealed class WireguardNetlink : IDisposable
{
    public const int KeyBytes = 32;

    private const byte GetDevice = 0, SetDeviceCommand = 1;
    private const ushort DeviceIndex = 1, DevicePrivateKey = 3, DevicePublicKey = 4, DeviceListenPort = 6, DevicePeers = 8;
    private const ushort PeerPublicKey = 1, PeerFlags = 3, PeerEndpoint = 4, PeerKeepalive = 5, PeerAllowedIps = 9;
    private const ushort AllowedFamily = 1, AllowedAddress = 2, AllowedMask = 3;
    private const uint RemoveMe = 1, ReplaceAllowedIps = 2;
    private const ushort Nested = 0x8000;
    // K3s' own: keeps the way through a NAT open.
    private const ushort KeepaliveSeconds = 25;

    private readonly NetlinkSocket _socket = new(NetlinkSocket.Generic);
    private readonly ushort _family;

    /// <exception cref="NetlinkException">The kernel has no WireGuard.</exception>
    public WireguardNetlink()
    {
        const ushort controller = 16, familyId = 1, familyName = 2;
        const byte getFamily = 3;
        ushort id = 0;
        _socket.Ask(controller, Head(getFamily).Add(familyName, "wireguard").Body, (_, body) => id = BinaryPrimitives.ReadUInt16LittleEndian(NetlinkAttributes.Find(body.Span[4..], familyId)));
        _family = id;
    }

    public void SetDevice(int link, ReadOnlySpan<byte> privateKey, int port) => _socket.Request(_family, 0, DeviceMessage(link, privateKey, port).Body);

    /// <summary>The key that belongs to the private one.</summary>
    public byte[] PublicKey(int link)
    {
        byte[] key = [];
        Dump(link, attributes => key = NetlinkAttributes.Find(attributes.Span, DevicePublicKey) is { Length: KeyBytes } found ? found.ToArray() : key);
        return key;
    }

    public IReadOnlyList<byte[]> PeerKeys(int link)
    {
        var keys = new List<byte[]>();
        Dump(link, attributes =>
        {
            var peers = new NetlinkAttributes(NetlinkAttributes.Find(attributes.Span, DevicePeers));
            while (peers.Next()) keys.Add(NetlinkAttributes.Find(peers.Value, PeerPublicKey).ToArray());
        });
        return keys;
    }

    public void SetPeer(int link, ReadOnlySpan<byte> publicKey, IPEndPoint endpoint, IPNetwork allowed) => _socket.Request(_family, 0, PeerMessage(link, publicKey, endpoint, allowed).Body);

    public void RemovePeer(int link, ReadOnlySpan<byte> publicKey) => _socket.Request(_family, 0, RemovalMessage(link, publicKey).Body);

    public void Dispose() => _socket.Dispose();

    internal static NetlinkMessage DeviceMessage(int link, ReadOnlySpan<byte> privateKey, int port) =>
        Head(SetDeviceCommand).Add(DeviceIndex, (uint)link).Add(DevicePrivateKey, privateKey).Add(DeviceListenPort, Number((ushort)port));

    internal static NetlinkMessage PeerMessage(int link, ReadOnlySpan<byte> publicKey, IPEndPoint endpoint, IPNetwork allowed)
    {
        var key = publicKey.ToArray();
        return Head(SetDeviceCommand).Add(DeviceIndex, (uint)link).Nest(DevicePeers | Nested, peers => peers.Nest(0 | Nested, peer => peer
            .Add(PeerPublicKey, key)
            .Add(PeerFlags, ReplaceAllowedIps)
            .Add(PeerEndpoint, SocketAddress(endpoint))
            .Add(PeerKeepalive, Number(KeepaliveSeconds))
            .Nest(PeerAllowedIps | Nested, ips => ips.Nest(0 | Nested, ip => ip
                .Add(AllowedFamily, Number(Family(allowed.BaseAddress)))
                .Add(AllowedAddress, allowed.BaseAddress.GetAddressBytes())
                .Add(AllowedMask, (byte)allowed.PrefixLength)))));
    }

    private static NetlinkMessage RemovalMessage(int link, ReadOnlySpan<byte> publicKey)
    {
        var key = publicKey.ToArray();
        return Head(SetDeviceCommand).Add(DeviceIndex, (uint)link)
            .Nest(DevicePeers | Nested, peers => peers.Nest(0 | Nested, peer => peer.Add(PeerPublicKey, key).Add(PeerFlags, RemoveMe)));
    }

    private void Dump(int link, Action<ReadOnlyMemory<byte>> each) =>
        _socket.Dump(_family, Head(GetDevice).Add(DeviceIndex, (uint)link).Body, (_, body) => each(body[4..]));

    private static NetlinkMessage Head(byte command)
    {
        var message = new NetlinkMessage(4);
        message.Head[0] = command;
        message.Head[1] = 1;
        return message;
    }

    // AF_INET6 is 10 on Linux; .NET's own number is Windows' 23.
    private static ushort Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? (ushort)10 : (ushort)2;

    private static byte[] Number(ushort value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        return bytes;
    }

    /// <summary>struct sockaddr_in or sockaddr_in6.</summary>
    internal static byte[] SocketAddress(IPEndPoint endpoint)
    {
        var address = endpoint.Address.GetAddressBytes();
        var bytes = new byte[address.Length == 4 ? 16 : 28];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, Family(endpoint.Address));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)endpoint.Port);
        address.CopyTo(bytes, address.Length == 4 ? 4 : 8);
        return bytes;
    }
}
