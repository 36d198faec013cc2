using System.Globalization;
using System.Net;
using System.Net.Sockets;
using k8s.Models;

namespace Bramble.Network.Dns;

/// <summary>The names of Kubernetes objects. Pure. Source: Kubernetes DNS-Based Service Discovery 1.1.0.</summary>
internal static class ClusterNames
{
    /// <summary>Names that are there in every cluster.</summary>
    public static Dictionary<string, NameRecords> OfZone(string zone, IReadOnlyList<IPAddress> clusterDns) => new()
    {
        [zone] = NameRecords.Empty,
        [$"svc.{zone}"] = NameRecords.Empty,
        [$"pod.{zone}"] = NameRecords.Empty,
        [$"dns.{zone}"] = NameRecords.Empty,
        [$"ns.dns.{zone}"] = NameRecords.OfAddresses(clusterDns),
        [$"dns-version.{zone}"] = new NameRecords { Text = "1.1.0" },
    };

    public static Dictionary<string, NameRecords> OfNamespace(string ns, string zone) => new() { [$"{ns}.svc.{zone}"] = NameRecords.Empty, [$"{ns}.pod.{zone}"] = NameRecords.Empty };

    public static Dictionary<string, NameRecords> OfService(V1Service service, IReadOnlyCollection<V1EndpointSlice> slices, string zone)
    {
        var names = new Dictionary<string, NameRecords>();
        var spec = service.Spec;
        if (spec is null) return names;
        var name = $"{service.Metadata.Name}.{service.Metadata.NamespaceProperty}.svc.{zone}";
        if (spec.Type == "ExternalName")
        {
            if (spec.ExternalName is { Length: > 0 } target)
                names[name] = IPAddress.TryParse(target, out var literal) ? NameRecords.OfAddresses([literal]) : new NameRecords { Cname = target.TrimEnd('.').ToLowerInvariant() };
            return names;
        }
        if (spec.ClusterIP == "None") AddHeadless(names, name, slices);
        else if (!string.IsNullOrEmpty(spec.ClusterIP)) AddClusterIps(names, name, spec);
        return names;
    }

    /// <summary>The line of K3s' NodeHosts for a node: its name and host name at its internal addresses.</summary>
    public static Dictionary<string, NameRecords> OfNode(V1Node node)
    {
        var addresses = (node.Status?.Addresses ?? []).Where(a => a.Type == "InternalIP").Select(a => IPAddress.TryParse(a.Address, out var ip) ? ip : null).OfType<IPAddress>().ToList();
        var names = new Dictionary<string, NameRecords>();
        if (addresses.Count == 0) return names;
        foreach (var name in (node.Status?.Addresses ?? []).Where(a => a.Type == "Hostname").Select(a => a.Address).Prepend(node.Metadata.Name))
            names[name.ToLowerInvariant()] = NameRecords.OfAddresses(addresses);
        foreach (var address in addresses) names[ReverseName(address)] = new NameRecords { Ptr = [node.Metadata.Name] };
        return names;
    }

    /// <summary>The name under which an address is looked up backwards: 10.43.0.7 gives 7.0.43.10.in-addr.arpa.</summary>
    public static string ReverseName(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        return address.AddressFamily == AddressFamily.InterNetwork
            ? string.Create(CultureInfo.InvariantCulture, $"{bytes[3]}.{bytes[2]}.{bytes[1]}.{bytes[0]}.in-addr.arpa")
            : string.Join('.', bytes.Reverse().SelectMany(b => new[] { b & 0xf, b >> 4 }).Select(n => n.ToString("x", CultureInfo.InvariantCulture))) + ".ip6.arpa";
    }

    /// <summary>The address of <c>10-42-0-5.ns.pod.zone</c>'s first label; null: no address.</summary>
    public static IPAddress? DashedAddress(ReadOnlySpan<char> label)
    {
        Span<char> text = stackalloc char[64];
        if (label.Length is 0 or > 60) return null;
        // 10-42-0-5; fd00--5 is IPv6's fd00::5.
        label.CopyTo(text);
        text = text[..label.Length];
        if (label.Count('-') == 3 && !label.Contains("--", StringComparison.Ordinal))
        {
            text.Replace('-', '.');
            if (IPAddress.TryParse(text, out var v4) && v4.AddressFamily == AddressFamily.InterNetwork) return v4;
            label.CopyTo(text);
        }
        text.Replace('-', ':');
        return IPAddress.TryParse(text, out var v6) && v6.AddressFamily == AddressFamily.InterNetworkV6 ? v6 : null;
    }

    private static void AddClusterIps(Dictionary<string, NameRecords> names, string name, V1ServiceSpec spec)
    {
        var ips = (spec.ClusterIPs is { Count: > 0 } all ? all : [spec.ClusterIP]).Select(ip => IPAddress.TryParse(ip, out var a) ? a : null).OfType<IPAddress>().ToList();
        var ports = new List<ServiceRecord>();
        foreach (var port in spec.Ports ?? [])
        {
            ports.Add(new(name, port.Port));
            AddPort(names, name, port.Name, port.Protocol, new(name, port.Port));
        }
        names[name] = NameRecords.OfAddresses(ips) with { Srv = ports };
        foreach (var ip in ips) names[ReverseName(ip)] = new NameRecords { Ptr = [name] };
    }

    private static void AddHeadless(Dictionary<string, NameRecords> names, string name, IReadOnlyCollection<V1EndpointSlice> slices)
    {
        var addresses = new List<IPAddress>();
        var ports = new List<ServiceRecord>();
        foreach (var slice in slices.Where(s => s.AddressType is "IPv4" or "IPv6"))
            foreach (var endpoint in slice.Endpoints ?? [])
            {
                if (endpoint.Conditions?.Ready == false || endpoint.Addresses is not { Count: > 0 } || !IPAddress.TryParse(endpoint.Addresses[0], out var address)) continue;
                addresses.Add(address);
                var host = string.IsNullOrEmpty(endpoint.Hostname) ? address.ToString().Replace('.', '-').Replace(':', '-') : endpoint.Hostname.ToLowerInvariant();
                var hostName = $"{host}.{name}";
                names[hostName] = names.GetValueOrDefault(hostName, NameRecords.Empty).With(NameRecords.OfAddresses([address]));
                var reverse = ReverseName(address);
                names[reverse] = names.GetValueOrDefault(reverse, NameRecords.Empty).With(new NameRecords { Ptr = [hostName] });
                foreach (var port in slice.Ports ?? [])
                {
                    if (port.Port is not { } number) continue;
                    var record = new ServiceRecord(hostName, number);
                    if (!ports.Contains(record)) ports.Add(record);
                    AddPort(names, name, port.Name, port.Protocol, record);
                }
            }
        names[name] = NameRecords.OfAddresses(addresses) with { Srv = ports };
    }

    // _http._tcp.<service>; only named ports have one.
    private static void AddPort(Dictionary<string, NameRecords> names, string service, string? port, string? protocol, ServiceRecord record)
    {
        if (string.IsNullOrEmpty(port)) return;
        var protocolName = $"_{(protocol ?? "TCP").ToLowerInvariant()}.{service}";
        names.TryAdd(protocolName, NameRecords.Empty);
        var name = $"_{port}.{protocolName}";
        var known = names.GetValueOrDefault(name, NameRecords.Empty);
        if (!known.Srv.Contains(record)) names[name] = known with { Srv = [.. known.Srv, record] };
    }
}
