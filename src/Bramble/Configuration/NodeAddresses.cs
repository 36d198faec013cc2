using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Bramble.Configuration;

/// <summary>The address a node is known by when <c>--node-ip</c> does not say it: that of the interface with the default route (IPv4 first),
/// else the first address that is not loopback and not one of our own bridges; and the global IPv6 address of the same interface.</summary>
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
        if (v4 is null) return addresses.Count > 0 ? [addresses[0]] : [IPAddress.Loopback];
        var carrier = ordered.First(link => link.GetIPProperties().UnicastAddresses.Any(unicast => unicast.Address.Equals(v4))).Name;
        return GlobalIPv6(File.Exists("/proc/net/if_inet6") ? File.ReadAllLines("/proc/net/if_inet6") : [], carrier) is { } v6 ? [v4, v6] : [v4];
    }

    /// <summary>Those of a cluster's families, in the cluster's order; all of them when there is none.</summary>
    public static IReadOnlyList<IPAddress> OfFamilies(IReadOnlyList<IPAddress> addresses, IReadOnlyList<IPNetwork> networks)
    {
        var own = networks.Select(network => addresses.FirstOrDefault(address => address.AddressFamily == network.BaseAddress.AddressFamily)).OfType<IPAddress>().ToList();
        return own.Count > 0 ? own : addresses;
    }

    /// <summary>Waits until one of <paramref name="known"/> is no longer this machine's and another is there in its place: DHCP gave it another address, or it
    /// hangs on another network. Only the families of <paramref name="networks"/> count: an IPv6 prefix that the provider changes every night is no news in an
    /// IPv4 cluster.</summary>
    public static async Task<IReadOnlyList<IPAddress>> MovedAsync(IReadOnlyList<IPAddress> known, IReadOnlyList<IPNetwork> networks, string? named, TimeProvider time, CancellationToken cancel)
    {
        var mine = OfFamilies(known, networks);
        // An address goes before the next one comes.
        var calm = TimeSpan.FromSeconds(1);
        using var changed = new SemaphoreSlim(0);
        void Wake(object? sender, EventArgs what)
        {
            if (changed.CurrentCount == 0) changed.Release();
        }
        NetworkChange.NetworkAddressChanged += Wake;
        try
        {
            while (true)
            {
                await changed.WaitAsync(cancel);
                await Task.Delay(calm, time, cancel);
                var present = NetworkInterface.GetAllNetworkInterfaces().SelectMany(link => link.GetIPProperties().UnicastAddresses.Select(unicast => unicast.Address)).ToHashSet();
                if (mine.All(present.Contains) || named is not null && NetworkInterface.GetAllNetworkInterfaces().All(link => link.Name != named)) continue;
                var found = Detect(named);
                if (!found.Any(IPAddress.IsLoopback) && !OfFamilies(found, networks).SequenceEqual(mine)) return found;
            }
        }
        finally
        {
            NetworkChange.NetworkAddressChanged -= Wake;
        }
    }

    /// <summary>The lasting global IPv6 address of an interface, from the lines of /proc/net/if_inet6; null: there is none. Privacy's temporary addresses
    /// change by the day, and those that are deprecated, tentative or duplicates are none.</summary>
    internal static IPAddress? GlobalIPv6(IReadOnlyList<string> lines, string link)
    {
        const int temporary = 0x01, duplicate = 0x08, deprecated = 0x20, tentative = 0x40, global = 0;
        foreach (var fields in lines.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            if (fields.Length == 6 && fields[5] == link && Hex(fields[3]) == global && (Hex(fields[4]) & (temporary | duplicate | deprecated | tentative)) == 0)
                return new IPAddress(Convert.FromHexString(fields[0]));
        return null;

        static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    /// <summary>The interface of the IPv4 default route with the lowest metric, from the lines of /proc/net/route; null: there is none.</summary>
    internal static string? DefaultRouteInterface(IReadOnlyList<string> lines) =>
        lines.Skip(1)
            .Select(line => line.Split('\t', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Where(fields => fields.Length > 7 && fields[1] == "00000000" && fields[7] == "00000000")
            .MinBy(fields => int.Parse(fields[6], CultureInfo.InvariantCulture))?[0];
}
