using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Bramble.Network.Netlink;

/// <summary>A network interface as the kernel knows it. <c>Tunnel</c> null: no VXLAN.</summary>
internal sealed record Link(int Index, string Name, int Mtu, byte[] Mac, bool IsUp, int MasterIndex, TunnelEnds? Tunnel = null);

/// <summary>What a VXLAN interface is made with. <c>Underlay</c>: index of the link that carries it, 0: the kernel's choice.</summary>
internal sealed record TunnelEnds(int Id, int Port, int Underlay, IPAddress Local);

/// <summary>A route as we compare them. <c>Gateway</c> null: directly on the link.</summary>
internal sealed record Route(IPNetwork Destination, int LinkIndex, IPAddress? Gateway, byte Protocol);

/// <summary>Links, addresses and routes by rtnetlink. Source: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h. Not thread-safe.</summary>
internal sealed class RouteNetlink : IDisposable
{
    /// <summary>Marks the routes we made (<c>proto 77</c>), so that killall and the next start find them.</summary>
    public const byte OurProtocol = 77;

    private const ushort NewLink = 16, DeleteLinkType = 17, GetLink = 18, NewAddress = 20, GetAddress = 22, NewRoute = 24, DeleteRouteType = 25, GetRoute = 26;
    private const ushort NewNeighbour = 28, DeleteNeighbourType = 29;
    private const ushort MayCreate = 0x400, Exclusive = 0x200, Replace = 0x100;
    private const byte BridgeFamily = 7;
    private const byte MainTable = 254, ScopeUniverse = 0, ScopeLink = 253, Unicast = 1;
    private const uint Up = 1;
    private const ushort LinkInfo = 18, Kind = 1, Data = 2;
    private const ushort VxlanId = 1, VxlanLink = 3, VxlanLocal = 4, VxlanLearning = 7, VxlanPort = 15, VxlanLocal6 = 17;

    private readonly NetlinkSocket _socket = new(NetlinkSocket.Route);

    public IReadOnlyList<Link> ListLinks()
    {
        var links = new List<Link>();
        _socket.Dump(GetLink, new byte[16], (type, body) =>
        {
            if (type != NewLink) return;
            var span = body.Span;
            string name = "";
            int mtu = 0, master = 0;
            byte[] mac = [];
            TunnelEnds? tunnel = null;
            var attributes = new NetlinkAttributes(span[16..]);
            while (attributes.Next())
                switch (attributes.Type)
                {
                    case 1: mac = attributes.Value.ToArray(); break;
                    case 3: name = Encoding.UTF8.GetString(attributes.Value).TrimEnd('\0'); break;
                    case 4: mtu = BinaryPrimitives.ReadInt32LittleEndian(attributes.Value); break;
                    case 10: master = BinaryPrimitives.ReadInt32LittleEndian(attributes.Value); break;
                    case LinkInfo when NetlinkAttributes.Find(attributes.Value, Kind).StartsWith("vxlan\0"u8): tunnel = Tunnel(NetlinkAttributes.Find(attributes.Value, Data)); break;
                }
            var isUp = (BinaryPrimitives.ReadUInt32LittleEndian(span[8..]) & Up) != 0;
            links.Add(new Link(BinaryPrimitives.ReadInt32LittleEndian(span[4..]), name, mtu, mac, isUp, master, tunnel));
        });
        return links;
    }

    public Link? FindLink(string name) => ListLinks().FirstOrDefault(l => l.Name == name);

    /// <summary>Addresses of all links, with the link's index.</summary>
    public IReadOnlyList<(int LinkIndex, IPAddress Address, int PrefixLength)> ListAddresses()
    {
        var addresses = new List<(int, IPAddress, int)>();
        _socket.Dump(GetAddress, new byte[8], (type, body) =>
        {
            if (type != NewAddress) return;
            var span = body.Span;
            // IFA_LOCAL is the own address where IFA_ADDRESS is the peer's.
            var value = NetlinkAttributes.Find(span[8..], 2);
            if (value.IsEmpty) value = NetlinkAttributes.Find(span[8..], 1);
            if (value.Length is 4 or 16) addresses.Add((BinaryPrimitives.ReadInt32LittleEndian(span[4..]), new IPAddress(value), span[1]));
        });
        return addresses;
    }

    /// <summary>Unicast routes of the main table.</summary>
    public IReadOnlyList<Route> ListRoutes()
    {
        var routes = new List<Route>();
        _socket.Dump(GetRoute, new byte[12], (type, body) =>
        {
            var span = body.Span;
            if (type != NewRoute || span[7] != Unicast || span[4] != MainTable) return;
            var v6 = span[0] == (byte)AddressFamily.InterNetworkV6 || span[0] == 10;
            var destination = NetlinkAttributes.Find(span[12..], 1);
            var gateway = NetlinkAttributes.Find(span[12..], 5);
            var link = NetlinkAttributes.Find(span[12..], 4);
            var address = destination.IsEmpty ? (v6 ? IPAddress.IPv6Any : IPAddress.Any) : new IPAddress(destination);
            routes.Add(new Route(
                new IPNetwork(address, span[1]), link.IsEmpty ? 0 : BinaryPrimitives.ReadInt32LittleEndian(link), gateway.IsEmpty ? null : new IPAddress(gateway), span[5]));
        });
        return routes;
    }

    /// <summary>Adds or replaces a route of ours in the main table.</summary>
    /// <param name="source">Source address for packets of this host; null: the kernel's choice.</param>
    /// <param name="mtu">0: the link's.</param>
    public void SetRoute(IPNetwork destination, int linkIndex, IPAddress? gateway = null, IPAddress? source = null, int mtu = 0, bool isOnLink = false)
    {
        const ushort metrics = 8, mtuMetric = 2;
        var message = RouteMessage(destination, gateway is null ? ScopeLink : ScopeUniverse, isOnLink).Add(4, (uint)linkIndex);
        if (gateway is not null) message.Add(5, gateway.GetAddressBytes());
        if (source is not null) message.Add(7, source.GetAddressBytes());
        if (mtu > 0) message.Nest(metrics, m => m.Add(mtuMetric, (uint)mtu));
        _socket.Request(NewRoute, MayCreate | Replace, message.Body);
    }

    /// <summary>Removes a route of ours; one that is not there is fine.</summary>
    public void DeleteRoute(IPNetwork destination)
    {
        try
        {
            _socket.Request(DeleteRouteType, 0, RouteMessage(destination, scope: 255, isOnLink: false).Body);
        }
        catch (NetlinkException gone) when (gone.Errno == NetlinkException.NoProcess)
        {
            return;
        }
    }

    /// <summary>Makes a bridge; one that is there keeps what it has. Its MAC comes in the same message, so that udev leaves it alone and ports do not change it.</summary>
    public Link EnsureBridge(string name, int mtu, ReadOnlySpan<byte> mac)
    {
        if (FindLink(name) is not { } link)
        {
            var message = new NetlinkMessage(16).Add(3, name).Add(4, (uint)mtu).Add(1, mac).Nest(LinkInfo, m => m.Add(Kind, "bridge"));
            link = Create(name, message);
        }
        if (!link.IsUp || link.Mtu != mtu) SetUp(link.Index, mtu);
        return link;
    }

    /// <summary>Makes a VXLAN interface that learns nothing by itself. Its MAC comes in the same message, so that udev leaves it alone.</summary>
    public Link CreateVxlan(string name, ReadOnlySpan<byte> mac, int mtu, TunnelEnds ends)
    {
        var portBytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(portBytes, (ushort)ends.Port);
        var message = new NetlinkMessage(16).Add(3, name).Add(4, (uint)mtu).Add(1, mac).Nest(LinkInfo, info => info
            .Add(Kind, "vxlan")
            .Nest(Data, d =>
            {
                d.Add(VxlanId, (uint)ends.Id).Add(ends.Local.AddressFamily == AddressFamily.InterNetworkV6 ? VxlanLocal6 : VxlanLocal, ends.Local.GetAddressBytes())
                    .Add(VxlanLearning, (byte)0).Add(VxlanPort, portBytes);
                if (ends.Underlay > 0) d.Add(VxlanLink, (uint)ends.Underlay);
            }));
        return Create(name, message);
    }

    /// <summary>Makes a WireGuard interface, without keys and peers. A kernel that has none refuses (operation not supported).</summary>
    public Link CreateWireguard(string name, int mtu) => Create(name, new NetlinkMessage(16).Add(3, name).Add(4, (uint)mtu).Nest(LinkInfo, info => info.Add(Kind, "wireguard")));

    private Link Create(string name, NetlinkMessage message)
    {
        _socket.Request(NewLink, MayCreate | Exclusive, message.Body);
        return FindLink(name) ?? throw new InvalidOperationException($"interface {name} vanished while it was made");
    }

    private static TunnelEnds? Tunnel(ReadOnlySpan<byte> data)
    {
        var id = NetlinkAttributes.Find(data, VxlanId);
        var port = NetlinkAttributes.Find(data, VxlanPort);
        var underlay = NetlinkAttributes.Find(data, VxlanLink);
        var local = NetlinkAttributes.Find(data, VxlanLocal);
        if (local.IsEmpty) local = NetlinkAttributes.Find(data, VxlanLocal6);
        if (id.Length != 4 || port.Length != 2 || local.Length is not (4 or 16)) return null;
        return new TunnelEnds(
            BinaryPrimitives.ReadInt32LittleEndian(id), BinaryPrimitives.ReadUInt16BigEndian(port), underlay.Length == 4 ? BinaryPrimitives.ReadInt32LittleEndian(underlay) : 0, new IPAddress(local));
    }

    /// <summary>Says where a neighbour is. Forwarding entries (VXLAN's FDB): frames for this MAC go to that address; else: this address has that MAC.</summary>
    public void SetNeighbour(int linkIndex, IPAddress address, ReadOnlySpan<byte> mac, bool isForwarding) =>
        _socket.Request(NewNeighbour, MayCreate | Replace, NeighbourMessage(linkIndex, address, mac, isForwarding).Body);

    /// <summary>Takes a neighbour out; one that is not there is fine.</summary>
    public void DeleteNeighbour(int linkIndex, IPAddress address, ReadOnlySpan<byte> mac, bool isForwarding)
    {
        try
        {
            _socket.Request(DeleteNeighbourType, 0, NeighbourMessage(linkIndex, address, mac, isForwarding).Body);
        }
        catch (NetlinkException gone) when (gone.Errno == NetlinkException.NoEntry)
        {
            return;
        }
    }

    /// <summary>The permanent neighbours of a link, as they were set.</summary>
    public IReadOnlyList<(IPAddress Address, byte[] Mac)> ListNeighbours(int linkIndex, bool isForwarding, bool isV6)
    {
        const ushort getNeighbour = 30, permanent = 0x80;
        var neighbours = new List<(IPAddress, byte[])>();
        var request = new NetlinkMessage(12);
        request.Head[0] = isForwarding ? BridgeFamily : isV6 ? (byte)10 : (byte)2;
        _socket.Dump(getNeighbour, request.Body, (type, body) =>
        {
            var span = body.Span;
            if (type != NewNeighbour || BinaryPrimitives.ReadInt32LittleEndian(span[4..]) != linkIndex || (BinaryPrimitives.ReadUInt16LittleEndian(span[8..]) & permanent) == 0) return;
            var address = NetlinkAttributes.Find(span[12..], 1);
            var mac = NetlinkAttributes.Find(span[12..], 2);
            if (address.Length is 4 or 16 && mac.Length == 6) neighbours.Add((new IPAddress(address), mac.ToArray()));
        });
        return neighbours;
    }

    private static NetlinkMessage NeighbourMessage(int linkIndex, IPAddress address, ReadOnlySpan<byte> mac, bool isForwarding)
    {
        const byte self = 0x02;
        const ushort permanent = 0x80;
        var message = new NetlinkMessage(12);
        message.Head[0] = isForwarding ? BridgeFamily : Family(address);
        BinaryPrimitives.WriteInt32LittleEndian(message.Head[4..], linkIndex);
        BinaryPrimitives.WriteUInt16LittleEndian(message.Head[8..], permanent);
        message.Head[10] = isForwarding ? self : (byte)0;
        return message.Add(1, address.GetAddressBytes()).Add(2, mac);
    }

    public void SetUp(int linkIndex, int mtu = 0)
    {
        var message = LinkMessage(linkIndex);
        BinaryPrimitives.WriteUInt32LittleEndian(message.Head[8..], Up);
        BinaryPrimitives.WriteUInt32LittleEndian(message.Head[12..], Up);
        if (mtu > 0) message.Add(4, (uint)mtu);
        _socket.Request(NewLink, 0, message.Body);
    }

    public void DeleteLink(int linkIndex) => _socket.Request(DeleteLinkType, 0, LinkMessage(linkIndex).Body);

    /// <summary>Gives a link an address; one that is there is fine.</summary>
    public void EnsureAddress(int linkIndex, IPAddress address, int prefixLength)
    {
        var message = new NetlinkMessage(8);
        const byte noDuplicateDetection = 0x02;
        message.Head[0] = Family(address);
        message.Head[1] = (byte)prefixLength;
        // IPv6 would wait a second for a neighbour who has it, on a bridge without ports for ever.
        if (address.AddressFamily == AddressFamily.InterNetworkV6) message.Head[2] = noDuplicateDetection;
        BinaryPrimitives.WriteInt32LittleEndian(message.Head[4..], linkIndex);
        var bytes = address.GetAddressBytes();
        message.Add(2, bytes).Add(1, bytes);
        if (bytes.Length == 4 && prefixLength < 31) message.Add(4, Broadcast(bytes, prefixLength));
        _socket.Request(NewAddress, MayCreate | Replace, message.Body);
    }

    public void Dispose() => _socket.Dispose();

    private static NetlinkMessage LinkMessage(int linkIndex)
    {
        var message = new NetlinkMessage(16);
        BinaryPrimitives.WriteInt32LittleEndian(message.Head[4..], linkIndex);
        return message;
    }

    private static NetlinkMessage RouteMessage(IPNetwork destination, byte scope, bool isOnLink)
    {
        const uint onLink = 4;
        var message = new NetlinkMessage(12);
        var head = message.Head;
        head[0] = Family(destination.BaseAddress);
        head[1] = (byte)destination.PrefixLength;
        head[4] = MainTable;
        head[5] = OurProtocol;
        head[6] = scope;
        head[7] = Unicast;
        if (isOnLink) BinaryPrimitives.WriteUInt32LittleEndian(head[8..], onLink);
        return message.Add(1, destination.BaseAddress.GetAddressBytes());
    }

    // AF_INET6 is 10 on Linux; .NET's own number is Windows' 23.
    private static byte Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? (byte)10 : (byte)2;

    private static byte[] Broadcast(byte[] address, int prefixLength)
    {
        var value = BinaryPrimitives.ReadUInt32BigEndian(address) | (uint)(0xffffffffUL >> prefixLength);
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
