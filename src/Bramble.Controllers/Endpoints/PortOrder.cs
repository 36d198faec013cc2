using System.Globalization;
using System.Text;

namespace Bramble.Controllers.Endpoints;

/// <summary>The order of ports in Endpoints and EndpointSlices: that of the hash of how Go prints them, because it is upstream's and clients see it.</summary>
internal static class PortOrder
{
    // 128-bit FNV-1a.
    private static readonly UInt128 Offset = new(0x6c62272e07bb0142, 0x62b821756295c58d);
    private static readonly UInt128 Prime = new(0x0000000001000000, 0x000000000000013B);

    public static List<ServedPort> OfSlice(IEnumerable<ServedPort> ports) => [.. ports.OrderBy(p => Hash(SliceText(p)))];

    public static List<ServedPort> OfEndpoints(IEnumerable<ServedPort> ports) => [.. ports.OrderBy(p => Hash(EndpointsText(p)))];

    internal static UInt128 Hash(string text)
    {
        var hash = Offset;
        foreach (var b in Encoding.UTF8.GetBytes(text)) hash = (hash ^ b) * Prime;
        return hash;
    }

    private static string SliceText(ServedPort port) => string.Create(
        CultureInfo.InvariantCulture, $"(v1.EndpointPort){{Name:(*string){port.Name} Protocol:(*v1.Protocol){port.Protocol} Port:(*int32){port.Port} AppProtocol:(*string){port.AppProtocol ?? "<nil>"}}}");

    private static string EndpointsText(ServedPort port) => string.Create(
        CultureInfo.InvariantCulture, $"(v1.EndpointPort){{Name:(string){port.Name} Port:(int32){port.Port} Protocol:(v1.Protocol){port.Protocol} AppProtocol:(*string){port.AppProtocol ?? "<nil>"}}}");
}
