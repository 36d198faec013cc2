using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Bramble.Controllers.ServiceCidrs;

/// <summary>Which addresses of a ServiceCIDR a Service may have. Pure.</summary>
internal static class ServiceRange
{
    /// <summary>All but the network's own and, of IPv4, the one for broadcasts: no Service is given these.</summary>
    public static bool Holds(IPNetwork network, IPAddress ip) =>
        network.BaseAddress.AddressFamily == ip.AddressFamily && network.Contains(ip) && !network.BaseAddress.Equals(ip) && !(ip.AddressFamily == AddressFamily.InterNetwork && IsLast(network, ip));

    // 10.43.0.15 in 10.43.0.0/28: its last four bits are ones.
    private static bool IsLast(IPNetwork network, IPAddress ip)
    {
        Span<byte> bytes = stackalloc byte[4];
        ip.TryWriteBytes(bytes, out _);
        var hosts = (uint)((1UL << (32 - network.PrefixLength)) - 1);
        return (BinaryPrimitives.ReadUInt32BigEndian(bytes) & hosts) == hosts;
    }
}
