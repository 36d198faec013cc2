using System.Net;
using Bramble.Api.Naming;
using Bramble.Network.Services;
using k8s.Models;

namespace Bramble.Network.ServiceLoadBalancer;

/// <summary>Which addresses a LoadBalancer Service gets when the nodes themselves are the load balancer: K3s' ServiceLB without its pods. Pure.
/// Source: K3s ServiceLB (klipper-lb): node labels enablelb and lbpool, external addresses before internal ones, one owner a port.</summary>
internal static class NodeAddresses
{
    public const string Finalizer = "service.kubernetes.io/load-balancer-cleanup";
    private const string EnableLabel = "svccontroller.k3s.cattle.io/enablelb";
    private const string PoolLabel = "svccontroller.k3s.cattle.io/lbpool";

    /// <summary>The wanted addresses of each Service that is ours; a Service whose port an older one has gets none.</summary>
    /// <param name="readyNodes">Nodes with a ready endpoint of a Service; asked only for externalTrafficPolicy: Local.</param>
    /// <param name="ofIngress">TCP ports that the nodes' ingress has, as in K3s its <c>traefik</c> Service has them.</param>
    public static Dictionary<NamespacedName, IReadOnlyList<string>> Decide(
        IEnumerable<V1Service> services, IReadOnlyCollection<V1Node> nodes, Func<NamespacedName, IReadOnlySet<string>> readyNodes, IReadOnlyCollection<int> ofIngress)
    {
        var usable = nodes.Where(IsUsable).ToList();
        var isRestricted = IsRestricted(nodes);
        var taken = new HashSet<(string Pool, string Protocol, int Port)>();
        var wanted = new Dictionary<NamespacedName, IReadOnlyList<string>>();
        foreach (var service in services.Where(IsOurs).OrderBy(s => s.Metadata.CreationTimestamp).ThenBy(s => s.Metadata.Uid, StringComparer.Ordinal))
        {
            var name = new NamespacedName(service.Metadata.NamespaceProperty, service.Metadata.Name);
            var pool = PoolOf(service);
            var ports = (service.Spec.Ports ?? []).Select(p => (pool ?? "", p.Protocol ?? "TCP", p.Port)).ToList();
            if (ports.Exists(port => taken.Contains(port) || port.Item2 == "TCP" && ofIngress.Contains(port.Port)))
            {
                wanted[name] = [];
                continue;
            }
            taken.UnionWith(ports);
            var candidates = usable.Where(n => (!isRestricted || Label(n, EnableLabel) == "true") && (pool is null || Label(n, PoolLabel) == pool));
            if (service.Spec.ExternalTrafficPolicy == "Local")
            {
                var ready = readyNodes(name);
                candidates = candidates.Where(n => ready.Contains(n.Metadata.Name));
            }
            wanted[name] = AddressesOf([.. candidates], Families(service));
        }
        return wanted;
    }

    /// <summary>The addresses of what runs on every node, the ingress: those that K3s' <c>traefik</c> Service would get.</summary>
    public static IReadOnlyList<string> OfAll(IReadOnlyCollection<V1Node> nodes)
    {
        var usable = nodes.Where(IsUsable).ToList();
        return AddressesOf(IsRestricted(nodes) ? usable.FindAll(n => Label(n, EnableLabel) == "true") : usable, [IpFamily.V4, IpFamily.V6]);
    }

    /// <summary>What a node is for LoadBalancer Services.</summary>
    /// <param name="nodes">All of them: one that is enabled by its label excludes those that are not, even while it is away.</param>
    public static NodePlace Placed(NodePlace place, V1Node? node, IEnumerable<V1Node> nodes) => place with
    {
        IsLoadBalancer = node is not null && (!IsRestricted(nodes) || Label(node, EnableLabel) == "true"),
        LoadBalancerPool = node is null ? null : Label(node, PoolLabel),
    };

    /// <summary>Whether a node answers a Service on its own addresses.</summary>
    public static bool Serves(V1Service service, NodePlace node) => node.IsLoadBalancer && IsOurs(service) && (PoolOf(service) is not { } pool || pool == node.LoadBalancerPool);

    /// <summary>What a node's labels say about it as a load balancer, to see whether that changed.</summary>
    public static string Labels(V1Node? node) => node is null ? "/" : Label(node, EnableLabel) + "/" + Label(node, PoolLabel);

    private static bool IsRestricted(IEnumerable<V1Node> nodes) => nodes.Any(n => Label(n, EnableLabel) is not null);

    private static string? PoolOf(V1Service service) => service.Metadata.Labels is { } labels && labels.TryGetValue(PoolLabel, out var pool) ? pool : null;

    public static bool IsOurs(V1Service service) =>
        service.Spec?.Type == "LoadBalancer" && string.IsNullOrEmpty(service.Spec.LoadBalancerClass) && service.Metadata.DeletionTimestamp is null;

    private static bool IsUsable(V1Node node) => node.Metadata.DeletionTimestamp is null && node.Status?.Conditions?.Any(c => c.Type == "Ready" && c.Status == "True") == true;

    private static string? Label(V1Node node, string key) => node.Metadata.Labels is { } labels && labels.TryGetValue(key, out var value) ? value : null;

    private static List<IpFamily> Families(V1Service service) =>
        service.Spec.IpFamilies is { Count: > 0 } families ? [.. families.Select(f => f == "IPv6" ? IpFamily.V6 : IpFamily.V4)] : [IpFamily.V4];

    // All nodes' external addresses if any node has one, else the internal ones; in the order of the service's families, sorted.
    private static List<string> AddressesOf(IReadOnlyCollection<V1Node> nodes, List<IpFamily> families)
    {
        foreach (var type in new[] { "ExternalIP", "InternalIP" })
        {
            var addresses = nodes.SelectMany(n => n.Status?.Addresses ?? []).Where(a => a.Type == type)
                .Select(a => IPAddress.TryParse(a.Address, out var ip) ? ip : null).OfType<IPAddress>().ToList();
            var found = families.SelectMany(f => addresses.Where(a => ServiceFrontEnds.FamilyOf(a) == f).Select(a => a.ToString()).Distinct().Order(StringComparer.Ordinal)).ToList();
            if (found.Count > 0) return found;
        }
        return [];
    }
}
