using System.Net;
using System.Net.Sockets;
using Bramble.Network.ServiceLoadBalancer;
using k8s.Models;

namespace Bramble.Network.Services;

/// <summary>Where this node is: what local policies, topology hints and source ranges compare with. <c>Zone</c> null: not labelled.</summary>
internal sealed record NodePlace(string Name, string? Zone)
{
    public IReadOnlyList<IPAddress> Ips { get; init; } = [];

    /// <summary>The node answers LoadBalancer Services on its own addresses too, whichever ones their status names (ServiceLB).</summary>
    public bool IsLoadBalancer { get; init; }

    /// <summary>Services of this pool too, not only those of none.</summary>
    public string? LoadBalancerPool { get; init; }
}

/// <summary>What a Service and its EndpointSlices mean on this node. Pure. Source: API reference core/v1 Service; KEP-1669 (terminating endpoints),
/// KEP-2086 (internal traffic policy), KEP-2433 (topology hints), KEP-1860 (ipMode).</summary>
internal static class ServiceFrontEnds
{
    private const int AffinityTimeoutSecondsDefault = 10800;

    public static Dictionary<FrontKey, FrontEnd> Decide(V1Service service, IReadOnlyCollection<V1EndpointSlice> slices, NodePlace node)
    {
        var fronts = new Dictionary<FrontKey, FrontEnd>();
        var spec = service.Spec;
        if (spec is null || spec.Type == "ExternalName" || spec.ClusterIP is null or "" or "None" || spec.Ports is null) return fronts;
        if (IsOthers(service.Metadata)) return fronts;

        foreach (var clusterIp in spec.ClusterIPs is { Count: > 0 } all ? all : [spec.ClusterIP])
        {
            if (!IPAddress.TryParse(clusterIp, out var address)) continue;
            var family = FamilyOf(address);
            foreach (var port in spec.Ports) AddPort(fronts, service, port, address, family, slices, node);
        }
        return fronts;
    }

    /// <summary>A Service or EndpointSlice that is somebody else's proxy's to serve, or that nobody's is, so it says.</summary>
    public static bool IsOthers(V1ObjectMeta metadata) =>
        metadata.Labels is { } labels && (labels.ContainsKey("service.kubernetes.io/service-proxy-name") || labels.ContainsKey("service.kubernetes.io/headless"));

    public static IpFamily FamilyOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? IpFamily.V6 : IpFamily.V4;

    private static void AddPort(
        Dictionary<FrontKey, FrontEnd> fronts, V1Service service, V1ServicePort port, IPAddress clusterIp, IpFamily family,
        IReadOnlyCollection<V1EndpointSlice> slices, NodePlace node)
    {
        var spec = service.Spec;
        var protocol = (port.Protocol ?? "TCP").ToLowerInvariant();
        var affinity = spec.SessionAffinity == "ClientIP"
            ? new SessionAffinity($"{service.Metadata.NamespaceProperty}/{service.Metadata.Name}/{port.Name}/{protocol}/{family}",
                spec.SessionAffinityConfig?.ClientIP?.TimeoutSeconds ?? AffinityTimeoutSecondsDefault)
            : null;
        var candidates = EndpointChoice.Of(slices, family, port, node);
        FrontEnd Cluster(IReadOnlyList<string>? allowed = null) => candidates.Cluster.Count == 0
            ? FrontEnd.Refused
            : new FrontEnd(FrontVerdict.Balance, candidates.Cluster, Affinity: affinity, AllowedSources: allowed);
        FrontEnd Local(bool keepsSource, IReadOnlyList<string>? allowed = null) =>
            candidates.Local.Count > 0 ? new FrontEnd(FrontVerdict.Balance, candidates.Local, keepsSource, affinity, allowed)
            : candidates.Cluster.Count > 0 ? FrontEnd.Dropped
            : FrontEnd.Refused;

        fronts[new FrontKey(family, TrafficScope.All, clusterIp.ToString(), protocol, port.Port)] =
            spec.InternalTrafficPolicy == "Local" ? Local(keepsSource: false) : Cluster();

        // Inside the cluster an external address is as good as the cluster IP; only from outside does externalTrafficPolicy: Local stay on this node.
        void AddExternal(string address, int number, IReadOnlyList<string>? allowed)
        {
            fronts[new FrontKey(family, TrafficScope.All, address, protocol, number)] = Cluster(allowed) with { IsExternal = true };
            if (spec.ExternalTrafficPolicy == "Local")
                fronts[new FrontKey(family, TrafficScope.External, address, protocol, number)] = Local(keepsSource: true, allowed) with { IsExternal = true };
        }

        foreach (var external in spec.ExternalIPs ?? [])
            if (Normal(external, family) is { } address) AddExternal(address, port.Port, allowed: null);
        if (spec.Type == "LoadBalancer")
        {
            var addresses = (service.Status?.LoadBalancer?.Ingress ?? []).Where(ingress => ingress.IpMode != "Proxy").Select(ingress => Normal(ingress.Ip, family)).OfType<string>().ToList();
            var allowed = AllowedSources(spec, family, node, addresses);
            foreach (var address in addresses) AddExternal(address, port.Port, allowed);
            // As klipper-lb's hostPorts: a router that holds the external address and translates it sends to the internal one.
            if (addresses.Count > 0 && NodeAddresses.Serves(service, node))
                foreach (var own in node.Ips.Append(IPAddress.Loopback).Where(ip => FamilyOf(ip) == family).Select(ip => ip.ToString()).Except(addresses)) AddExternal(own, port.Port, allowed);
        }
        if (spec.Type is "NodePort" or "LoadBalancer" && port.NodePort is > 0) AddExternal("", port.NodePort.Value, allowed: null);
    }

    private static string? Normal(string? text, IpFamily family) =>
        IPAddress.TryParse(text, out var address) && FamilyOf(address) == family ? address.ToString() : null;

    private static List<string>? AllowedSources(V1ServiceSpec spec, IpFamily family, NodePlace node, List<string> addresses)
    {
        if (spec.LoadBalancerSourceRanges is not { Count: > 0 } ranges) return null;
        var allowed = new List<IPNetwork>();
        foreach (var range in ranges)
            if (IPNetwork.TryParse(range.Trim(), out var network) && FamilyOf(network.BaseAddress) == family)
            {
                if (network.PrefixLength == 0) return null;
                allowed.Add(network);
            }
        // Where the node holds such an address itself, what it sends there comes from that address; it is as welcome as the node is.
        if (node.Ips.FirstOrDefault(ip => FamilyOf(ip) == family) is { } own && allowed.Exists(network => network.Contains(own)))
            allowed.AddRange(addresses.Select(IPAddress.Parse).Select(address => new IPNetwork(address, address.GetAddressBytes().Length * 8)));
        // The kernel refuses intervals that overlap; of two CIDRs that do, one holds the other.
        return [.. allowed.Distinct().Where(a => !allowed.Any(b => b.PrefixLength < a.PrefixLength && b.Contains(a.BaseAddress))).Select(a => a.ToString())];
    }
}

/// <summary>The endpoints of one service port that may be used from this node, ready ones first.</summary>
/// <param name="Cluster">For traffic that may go anywhere.</param>
/// <param name="Local">On this node.</param>
internal readonly record struct EndpointChoice(IReadOnlyList<Backend> Cluster, IReadOnlyList<Backend> Local)
{
    public static EndpointChoice Of(IReadOnlyCollection<V1EndpointSlice> slices, IpFamily family, V1ServicePort port, NodePlace node)
    {
        var ready = new List<(Backend Backend, V1Endpoint Endpoint)>();
        var ending = new List<(Backend Backend, V1Endpoint Endpoint)>();
        foreach (var slice in slices)
        {
            if (slice.AddressType != (family == IpFamily.V6 ? "IPv6" : "IPv4")) continue;
            foreach (var slicePort in slice.Ports ?? [])
            {
                if ((slicePort.Name ?? "") != (port.Name ?? "") || (slicePort.Protocol ?? "TCP") != (port.Protocol ?? "TCP") || slicePort.Port is not { } number) continue;
                foreach (var endpoint in slice.Endpoints ?? [])
                {
                    if (endpoint.Addresses is not { Count: > 0 } || !IPAddress.TryParse(endpoint.Addresses[0], out var address)) continue;
                    var backend = new Backend(address.ToString(), number, endpoint.NodeName == node.Name);
                    if (endpoint.Conditions?.Ready ?? true) ready.Add((backend, endpoint));
                    // Only when nobody is ready: better a pod that is stopping than nobody (KEP-1669).
                    else if (endpoint.Conditions?.Serving == true && endpoint.Conditions?.Terminating == true) ending.Add((backend, endpoint));
                }
            }
        }
        var localReady = ready.Where(e => e.Backend.IsLocal).ToList();
        var local = localReady.Count > 0 ? localReady : ending.Where(e => e.Backend.IsLocal).ToList();
        // Hints speak of ready endpoints; of those that are ending any will do.
        return new EndpointChoice(Sorted(ready.Count > 0 ? Hinted(ready, node) : ending), Sorted(local));
    }

    // Hints count only when every endpoint has one and somebody is hinted for here: else some would get no traffic, or we would have nobody.
    private static List<(Backend Backend, V1Endpoint Endpoint)> Hinted(List<(Backend Backend, V1Endpoint Endpoint)> all, NodePlace node)
    {
        if (all.Count > 0 && all.TrueForAll(e => e.Endpoint.Hints?.ForNodes is { Count: > 0 }))
        {
            var here = all.FindAll(e => e.Endpoint.Hints.ForNodes.Any(n => n.Name == node.Name));
            if (here.Count > 0) return here;
        }
        if (node.Zone is not null && all.Count > 0 && all.TrueForAll(e => e.Endpoint.Hints?.ForZones is { Count: > 0 }))
        {
            var here = all.FindAll(e => e.Endpoint.Hints.ForZones.Any(z => z.Name == node.Zone));
            if (here.Count > 0) return here;
        }
        return all;
    }

    // A stable order keeps a backend's index when others come and go, so that a change touches few elements.
    private static List<Backend> Sorted(List<(Backend Backend, V1Endpoint Endpoint)> endpoints) =>
        [.. endpoints.Select(e => e.Backend).Distinct().OrderBy(b => b.Address, StringComparer.Ordinal).ThenBy(b => b.Port)];
}
