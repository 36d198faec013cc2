using System.Net;
using System.Net.Sockets;

namespace Bramble.ApiServer.Strategies;

/// <summary>From where Services get their addresses and node ports.</summary>
/// <param name="Ranges">The service ranges of the configuration, one or one of each family; the first one's family is the default.
/// ServiceCIDR objects add to them.</param>
public sealed record ServiceNetwork(IReadOnlyList<IPNetwork> Ranges, int NodePortFirst = 30000, int NodePortLast = 32767)
{
    public static readonly ServiceNetwork Default = new([IPNetwork.Parse("10.43.0.0/16")]);

    /// <summary><c>IPv4</c> or <c>IPv6</c>.</summary>
    internal string DefaultFamily => FamilyOf(Ranges[0].BaseAddress);

    internal bool Has(string family) => Ranges.Any(range => FamilyOf(range.BaseAddress) == family);

    internal int FamilyCount => Ranges.Select(range => range.BaseAddress.AddressFamily).Distinct().Count();

    internal static string FamilyOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 && !address.IsIPv4MappedToIPv6 ? "IPv6" : "IPv4";
}
