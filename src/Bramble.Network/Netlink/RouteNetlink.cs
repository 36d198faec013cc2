using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Bramble.Network.Netlink;

/// <summary>A network interface as the kernel knows it.</summary>
internal sealed record Link(int Index, string Name, int Mtu, byte[] Mac, bool IsUp, int MasterIndex);

/// <summary>A route as we compare them. <c>Gateway</c> null: directly on the link.</summary>
internal sealed record Route(IPNetwork Destination, int LinkIndex, IPAddress? Gateway, byte Protocol);

/// <summary>Links, addresses and routes by rtnetlink. Source: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h. Not thread-safe.</summary>
internal sealed class RouteNetlink : IDisposable
{
    /// <summary>Marks the routes we made (<c>proto 77</c>), so that killall and the next start find them.</summary>
    public const byte OurProtocol = 77;

    private const ushort NewLink = 16, DeleteLinkType = 17, GetLink = 18, NewAddress = 20, GetAddress = 22, NewRoute = 24, DeleteRouteType = 25, GetRoute = 26;
    private const ushort NewNeighbour = 28, DeleteNeighbourType = 29;
    private const ushort Create = 0x400, Exclusive = 0x200, Replace = 0x100;
    private const byte MainTable = 254, ScopeUniverse = 0, ScopeLink = 253, Unicast = 1;
    private const uint Up = 1;

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
            var attributes = new NetlinkAttributes(span[16..]);
            while (attributes.Next())
                switch (attributes.Type)
                {
                    case 1: mac = attributes.Value.ToArray(); break;
                    case 3: name = Encoding.UTF8.GetString(attributes.Value).TrimEnd('\0'); break;
                    case 4: mtu = BinaryPrimitives.ReadInt32LittleEndian(attributes.Value); break;
                    case 10: master = BinaryPrimitives.ReadInt32LittleEndian(attributes.Value); break;
                }
            var isUp = (BinaryPrimitives.ReadUInt32LittleEndian(span[8..]) & Up) != 0;
            links.Add(new Link(BinaryPrimitives.ReadInt32LittleEndian(span[4..]), name, mtu, mac, isUp, master));
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
        _socket.Request(NewRoute, Create | Replace, message.Body);
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
        const ushort linkInfo = 18, kind = 1;
        if (FindLink(name) is not { } link)
        {
            var message = new NetlinkMessage(16).Add(3, name).Add(4, (uint)mtu).Add(1, mac).Nest(linkInfo, m => m.Add(kind, "bridge"));
            _socket.Request(NewLink, Create | Exclusive, message.Body);
            link = FindLink(name) ?? throw new InvalidOperationException($"bridge {name} vanished while it was made");
        }
        if (!link.IsUp || link.Mtu != mtu) SetUp(link.Index, mtu);
        return link;
    }

    /// <summary>Makes a VXLAN interface that learns nothing by itself. Its MAC comes in the same message, so that udev leaves it alone.</summary>
    /// <param name="underlay">Index of the link that carries it; 0: the kernel's choice.</param>
    public Link CreateVxlan(string name, ReadOnlySpan<byte> mac, int mtu, int id, int port, int underlay, IPAddress local)
    {
        const ushort linkInfo = 18, kind = 1, data = 2, vxlanId = 1, vxlanLink = 3, vxlanLocal = 4, vxlanLearning = 7, vxlanPort = 15;
        var portBytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(portBytes, (ushort)port);
        var message = new NetlinkMessage(16).Add(3, name).Add(4, (uint)mtu).Add(1, mac).Nest(linkInfo, info => info
            .Add(kind, "vxlan")
            .Nest(data, d =>
            {
                d.Add(vxlanId, (uint)id).Add(vxlanLocal, local.GetAddressBytes()).Add(vxlanLearning, (byte)0).Add(vxlanPort, portBytes);
                if (underlay > 0) d.Add(vxlanLink, (uint)underlay);
            }));
        _socket.Request(NewLink, Create | Exclusive, message.Body);
        return FindLink(name) ?? throw new InvalidOperationException($"interface {name} vanished while it was made");
    }

    /// <summary>Says where a neighbour is. Forwarding entries (VXLAN's FDB): frames for this MAC go to that address; else: this address has that MAC.</summary>
    public void SetNeighbour(int linkIndex, IPAddress address, ReadOnlySpan<byte> mac, bool isForwarding) =>
        _socket.Request(NewNeighbour, Create | Replace, NeighbourMessage(linkIndex, address, mac, isForwarding).Body);

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

    private static NetlinkMessage NeighbourMessage(int linkIndex, IPAddress address, ReadOnlySpan<byte> mac, bool isForwarding)
    {
        const byte bridgeFamily = 7, self = 0x02;
        const ushort permanent = 0x80;
        var message = new NetlinkMessage(12);
        message.Head[0] = isForwarding ? bridgeFamily : Family(address);
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
        message.Head[0] = Family(address);
        message.Head[1] = (byte)prefixLength;
        BinaryPrimitives.WriteInt32LittleEndian(message.Head[4..], linkIndex);
        var bytes = address.GetAddressBytes();
        message.Add(2, bytes).Add(1, bytes);
        if (bytes.Length == 4 && prefixLength < 31) message.Add(4, Broadcast(bytes, prefixLength));
        _socket.Request(NewAddress, Create | Replace, message.Body);
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
