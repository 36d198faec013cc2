using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Bramble.Configuration;

/// <summary>The address a node is known by when <c>--node-ip</c> does not say it: that of the interface with the default route (IPv4 first),
/// else the first address that is not loopback and not one of our own bridges.</summary>
internal static class NodeAddresses
{
    private static readonly string[] Virtual = ["lo", "cni", "flannel", "veth", "docker", "br-", "kube", "virbr", "cali"];

    /// <param name="named">The interface of <c>--flannel-iface</c>; null: found as above.</param>
    /// <exception cref="Flags.UsageException">There is no interface of that name.</exception>
    public static IReadOnlyList<IPAddress> Detect(string? named = null)
    {
        var interfaces = NetworkInterface.GetAllNetworkInterfaces().Where(link => link.OperationalStatus is OperationalStatus.Up or OperationalStatus.Unknown).ToList();
        if (named is not null && interfaces.All(link => link.Name != named))
            throw new Flags.UsageException($"--flannel-iface: there is no interface \"{named}\" that is up (there are: {string.Join(", ", interfaces.Select(link => link.Name))})");
        var first = named ?? DefaultRouteInterface(File.Exists("/proc/net/route") ? File.ReadAllLines("/proc/net/route") : []);
        var ordered = interfaces.Where(link => link.Name == first)
            .Concat(interfaces.Where(link => link.Name != first && !Virtual.Any(prefix => link.Name.StartsWith(prefix, StringComparison.Ordinal))));
        var addresses = ordered
            .SelectMany(link => link.GetIPProperties().UnicastAddresses.Select(unicast => unicast.Address))
            .Where(address => !IPAddress.IsLoopback(address) && !address.IsIPv6LinkLocal)
            .ToList();
        var v4 = addresses.FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork);
        return v4 is not null ? [v4] : addresses.Count > 0 ? [addresses[0]] : [IPAddress.Loopback];
    }

    /// <summary>The interface of the IPv4 default route with the lowest metric, from the lines of /proc/net/route; null: there is none.</summary>
    internal static string? DefaultRouteInterface(IReadOnlyList<string> lines) =>
        lines.Skip(1)
            .Select(line => line.Split('\t', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Where(fields => fields.Length > 7 && fields[1] == "00000000" && fields[7] == "00000000")
            .MinBy(fields => int.Parse(fields[6], CultureInfo.InvariantCulture))?[0];
}
