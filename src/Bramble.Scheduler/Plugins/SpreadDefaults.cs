using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>Constraints for Pods that have none of their own: the system's, or those of the profile. They count what the Pod's Services and its controller select.</summary>
/// <param name="constraints">Null: the system's.</param>
internal sealed class SpreadDefaults(
    IReadOnlyList<V1TopologySpreadConstraint>? constraints,
    IInformer<V1Service> services, ILister<V1ReplicationController> controllers, ILister<V1ReplicaSet> replicaSets, ILister<V1StatefulSet> statefulSets)
{
    private const string ByNamespace = "namespace";

    private static readonly V1TopologySpreadConstraint[] OfSystem =
    [
        new() { TopologyKey = "kubernetes.io/hostname", WhenUnsatisfiable = "ScheduleAnyway", MaxSkew = 3 },
        new() { TopologyKey = "topology.kubernetes.io/zone", WhenUnsatisfiable = "ScheduleAnyway", MaxSkew = 5 },
    ];

    /// <summary>The system's constraints spread by name also over nodes without a zone.</summary>
    public bool IsOfSystem => constraints is null;

    /// <summary>Once, before the first use.</summary>
    public void Index() => services.AddIndex(ByNamespace, s => [s.Metadata.NamespaceProperty]);

    public SpreadConstraint[] For(PodInfo pod, string whenUnsatisfiable)
    {
        var wanted = (constraints ?? OfSystem).Where(c => c.WhenUnsatisfiable == whenUnsatisfiable).ToList();
        if (wanted.Count == 0) return [];
        var selector = SelectorOf(pod);
        return selector.IsEmpty ? [] : [.. wanted.Select(c => new SpreadConstraint(c, pod, selector))];
    }

    private PodSelector SelectorOf(PodInfo pod)
    {
        Dictionary<string, string>? ofServices = null;
        foreach (var service in services.ByIndex(ByNamespace, pod.Name.Namespace))
        {
            if (service.Spec.Selector is null || !Selects(service.Spec.Selector, pod.Labels.Labels)) continue;
            foreach (var (key, value) in service.Spec.Selector) (ofServices ??= new(StringComparer.Ordinal))[key] = value;
        }
        var selector = ofServices is null ? PodSelector.Everything : PodSelector.OfLabels(ofServices);
        if (pod.Pod.ControllerRef() is not { } owner) return selector;
        var name = new NamespacedName(pod.Name.Namespace, owner.Name);
        return (owner.ApiVersion, owner.Kind) switch
        {
            ("v1", "ReplicationController") when controllers.Find(name) is { Spec.Selector: { } labels } => selector.And(PodSelector.OfLabels(labels)),
            ("apps/v1", "ReplicaSet") when replicaSets.Find(name) is { Spec.Selector: { } wanted } => selector.And(PodSelector.Of(wanted)),
            ("apps/v1", "StatefulSet") when statefulSets.Find(name) is { Spec.Selector: { } wanted } => selector.And(PodSelector.Of(wanted)),
            _ => selector,
        };
    }

    private static bool Selects(IDictionary<string, string> selector, IDictionary<string, string>? labels)
    {
        foreach (var (key, value) in selector)
            if (labels is null || !labels.TryGetValue(key, out var has) || has != value) return false;
        return true;
    }
}
