using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>What EndpointSlices and Endpoints alike are made from: Services, and the Pods that they select.</summary>
internal sealed class ServiceWatch
{
    private const string ByNamespace = "endpoints/namespace";

    private readonly ControllerContext _context;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<V1Pod> _pods;

    public ServiceWatch(ControllerContext context)
    {
        _context = context;
        Services = context.Watches(Resources.Services);
        _nodes = context.Reads(Resources.Nodes);
        _pods = context.Watches(Resources.Pods, PodChanged);
        _pods.AddIndex(ByNamespace, p => [p.Metadata.NamespaceProperty]);
    }

    public IInformer<V1Service> Services { get; }

    public List<V1Pod> PodsOf(V1Service service) =>
        [.. _pods.ByIndex(ByNamespace, service.Metadata.NamespaceProperty).Where(p => Selects(service, p))];

    public IReadOnlyList<V1Node> Nodes => _nodes.List();

    public bool IsNodeMissing(V1Pod pod) => _nodes.Find(new NamespacedName("", pod.Spec.NodeName ?? "")) is null;

    public string? ZoneOf(string node) =>
        _nodes.Find(new NamespacedName("", node))?.Metadata.Labels is { } labels && labels.TryGetValue("topology.kubernetes.io/zone", out var zone) ? zone : null;

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        if (change.Old is { } old && change.New is { } now && !Matters(old, now)) return;
        foreach (var service in Services.List(change.Name.Namespace))
            if ((change.New is { } added && Selects(service, added)) || (change.Old is { } removed && Selects(service, removed))) _context.Queue.Add(service.NamespacedName());
    }

    /// <summary>A container's restart or a new condition of no interest writes nothing.</summary>
    private static bool Matters(V1Pod old, V1Pod now) =>
        old.Metadata.Uid != now.Metadata.Uid || old.IsReady() != now.IsReady() || old.IsBeingDeleted() != now.IsBeingDeleted() || old.IsFinished() != now.IsFinished()
        || old.Spec.NodeName != now.Spec.NodeName || old.Spec.Hostname != now.Spec.Hostname || old.Spec.Subdomain != now.Spec.Subdomain || !Ips(old).SequenceEqual(Ips(now)) || !Labels(old).SequenceEqual(Labels(now));

    private static IEnumerable<string> Ips(V1Pod pod) => (pod.Status?.PodIPs ?? []).Select(i => i.Ip);

    private static IEnumerable<KeyValuePair<string, string>> Labels(V1Pod pod) => (pod.Metadata.Labels ?? new Dictionary<string, string>()).OrderBy(l => l.Key, StringComparer.Ordinal);

    private static bool Selects(V1Service service, V1Pod pod) =>
        service.Spec.Selector is { Count: > 0 } selector && service.Spec.Type != "ExternalName"
        && selector.All(s => pod.Metadata.Labels is { } labels && labels.TryGetValue(s.Key, out var value) && value == s.Value);
}
