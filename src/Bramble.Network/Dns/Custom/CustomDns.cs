using System.Collections.ObjectModel;
using System.Globalization;
using System.Net;

namespace Bramble.Network.Dns.Custom;

/// <summary>A zone with servers or hosts of its own (a stub domain). <c>Servers</c> null: nobody is asked; empty: the node's own resolvers.
/// <c>FallsThrough</c>: a name that is not among the hosts is asked for, else it does not exist.</summary>
internal sealed record CustomZone(string Zone, IReadOnlyList<IPEndPoint>? Servers, IReadOnlyDictionary<string, NameRecords> Hosts, bool FallsThrough)
{
    public bool Holds(ReadOnlySpan<char> name) => name.EndsWith(Zone, StringComparison.Ordinal) && (name.Length == Zone.Length || name[^(Zone.Length + 1)] == '.');
}

/// <summary>What the ConfigMap <c>kube-system/coredns-custom</c> adds to the cluster DNS, as K3s documents it: keys <c>*.server</c> are zones of their own,
/// keys <c>*.override</c> are plugins of the main zone. Of CoreDNS' plugins: forward, hosts and rewrite name; those that only tune are skipped, others are
/// told in <c>Refused</c>. <c>Servers</c>: whom to ask in place of the node's resolvers; null: those. Immutable.</summary>
internal sealed record CustomDns(IReadOnlyList<CustomZone> Zones, IReadOnlyDictionary<string, NameRecords> Hosts, IReadOnlyList<IPEndPoint>? Servers, IReadOnlyList<string> Refused)
{
    private const string Mounted = "/etc/coredns/custom/";
    private static readonly HashSet<string> Tuning = ["errors", "log", "cache", "loop", "reload", "loadbalance", "health", "ready", "prometheus", "debug", "bufsize", "nsid", "cancel", "metadata", "minimal", "header"];

    public static readonly CustomDns None = new([], ReadOnlyDictionary<string, NameRecords>.Empty, null, []);

    /// <summary>The zone that a name belongs to, the longest first; null: the cluster's and the world's.</summary>
    public CustomZone? ZoneOf(ReadOnlySpan<char> name)
    {
        foreach (var zone in Zones)
            if (zone.Holds(name)) return zone;
        return null;
    }

    public static CustomDns Read(IReadOnlyDictionary<string, string> data)
    {
        var reading = new Reading(data);
        foreach (var (key, text) in data.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            try
            {
                if (key.EndsWith(".server", StringComparison.Ordinal)) reading.Servers(key, Corefile.Parse(text));
                else if (key.EndsWith(".override", StringComparison.Ordinal)) reading.Override(key, Corefile.Parse(text));
            }
            catch (FormatException malformed)
            {
                reading.Refused.Add($"{key}: {malformed.Message}");
            }
        return new CustomDns([.. reading.Zones.OrderByDescending(zone => zone.Zone.Length)], reading.Hosts, reading.MainServers, reading.Refused);
    }

    private sealed class Reading(IReadOnlyDictionary<string, string> data)
    {
        public List<CustomZone> Zones { get; } = [];
        public Dictionary<string, NameRecords> Hosts { get; } = new(StringComparer.Ordinal);
        public List<string> Refused { get; } = [];
        public IReadOnlyList<IPEndPoint>? MainServers { get; private set; }

        public void Servers(string key, IReadOnlyList<CorefileEntry> blocks)
        {
            foreach (var block in blocks)
            {
                IReadOnlyList<IPEndPoint>? servers = null;
                var hosts = new Dictionary<string, NameRecords>(StringComparer.Ordinal);
                var (hasHosts, fallsThrough) = (false, false);
                foreach (var plugin in block.Block ?? [])
                    switch (plugin.Name)
                    {
                        case "forward":
                            servers = Forward(key, plugin);
                            break;
                        case "hosts":
                            hasHosts = true;
                            fallsThrough |= AddHosts(key, plugin, hosts);
                            break;
                        default:
                            Skip(key, plugin);
                            break;
                    }
                foreach (var place in block.Words)
                    if (ZoneName(place) is not { } zone) Refused.Add($"{key}: \"{place}\" is no zone of its own; the main zone takes keys that end in .override");
                    else Zones.Add(new CustomZone(zone, servers, hosts, !hasHosts || fallsThrough));
            }
        }

        public void Override(string key, IReadOnlyList<CorefileEntry> plugins)
        {
            foreach (var plugin in plugins)
                switch (plugin.Name)
                {
                    case "hosts":
                        _ = AddHosts(key, plugin, Hosts);
                        break;
                    case "forward":
                        // It stands before the main zone's own, so it is the one that is asked.
                        if (Forward(key, plugin) is not { Count: > 0 } servers) break;
                        if (ZoneName(plugin.Arguments.First()) is { } zone) Zones.Add(new CustomZone(zone, servers, ReadOnlyDictionary<string, NameRecords>.Empty, FallsThrough: true));
                        else MainServers ??= servers;
                        break;
                    case "rewrite" when Alias(plugin) is var (from, to):
                        Hosts[from] = new NameRecords { Cname = to };
                        break;
                    default:
                        Skip(key, plugin);
                        break;
                }
        }

        private void Skip(string key, CorefileEntry plugin)
        {
            if (!Tuning.Contains(plugin.Name)) Refused.Add($"{key}: the cluster DNS has no \"{string.Join(' ', plugin.Words)}\"");
        }

        // rewrite [continue|stop] name [exact] FROM TO
        private static (string From, string To)? Alias(CorefileEntry rewrite)
        {
            var words = rewrite.Arguments.Where(word => word is not ("continue" or "stop" or "exact")).ToList();
            return words is ["name", var from, var to] ? (Name(from), Name(to)) : null;
        }

        private List<IPEndPoint>? Forward(string key, CorefileEntry forward)
        {
            const int port = 53;
            var servers = new List<IPEndPoint>();
            var isResolvConf = false;
            foreach (var target in forward.Arguments.Skip(1))
                if (target.StartsWith('/')) isResolvConf = true;
                else if (IPAddress.TryParse(target, out var address)) servers.Add(new IPEndPoint(address, port));
                else if (IPEndPoint.TryParse(target.StartsWith("dns://", StringComparison.Ordinal) ? target[6..] : target, out var place)) servers.Add(place.Port == 0 ? new IPEndPoint(place.Address, port) : place);
                else Refused.Add($"{key}: forward to \"{target}\": the cluster DNS asks by plain DNS at addresses only");
            return servers.Count > 0 ? servers : isResolvConf ? [] : null;
        }

        private bool AddHosts(string key, CorefileEntry plugin, Dictionary<string, NameRecords> hosts)
        {
            foreach (var file in plugin.Arguments.Take(1))
                if (file.StartsWith(Mounted, StringComparison.Ordinal) && data.TryGetValue(file[Mounted.Length..], out var text))
                    foreach (var line in text.Split('\n')) AddHost(line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), hosts);
                else Refused.Add($"{key}: hosts file \"{file}\": only keys of this ConfigMap can be read, as {Mounted}KEY");
            foreach (var line in plugin.Block ?? []) AddHost(line.Words, hosts);
            return plugin.Block?.Any(line => line.Name == "fallthrough") == true;
        }

        private static void AddHost(IReadOnlyList<string> words, Dictionary<string, NameRecords> hosts)
        {
            if (words.Count < 2 || !IPAddress.TryParse(words[0], out var address)) return;
            foreach (var name in words.Skip(1).Select(Name)) hosts[name] = hosts.GetValueOrDefault(name, NameRecords.Empty).With(NameRecords.OfAddresses([address]));
            var reverse = ClusterNames.ReverseName(address);
            hosts[reverse] = hosts.GetValueOrDefault(reverse, NameRecords.Empty).With(new NameRecords { Ptr = [Name(words[1])] });
        }

        private static string Name(string text) => text.TrimEnd('.').ToLower(CultureInfo.InvariantCulture);

        // "dns://example.org:53" and "example.org" are the same; "." is the main zone.
        private static string? ZoneName(string place)
        {
            if (place.Contains("://", StringComparison.Ordinal) && !place.StartsWith("dns://", StringComparison.Ordinal) || place.Contains('/') && !place.StartsWith("dns://", StringComparison.Ordinal)) return null;
            var zone = place.StartsWith("dns://", StringComparison.Ordinal) ? place[6..] : place;
            if (zone.LastIndexOf(':') is > 0 and var colon) zone = zone[..colon];
            zone = Name(zone);
            return zone.Length > 0 ? zone : null;
        }
    }
}
