using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>One wish of a Pod to be near or far from others. KEP-2249: its own namespace, named ones, or those that a selector finds.</summary>
internal sealed class AffinityTerm
{
    private readonly string[] _namespaces;
    private readonly PodSelector _namespaceSelector;
    private readonly PodSelector _pods;

    /// <param name="ns">Namespace of the Pod that wishes.</param>
    /// <param name="weight">1..100 of a preference; 0: it is required.</param>
    public AffinityTerm(V1PodAffinityTerm term, string ns, int weight = 0)
    {
        TopologyKey = term.TopologyKey;
        Weight = weight;
        _pods = PodSelector.Of(term.LabelSelector);
        _namespaceSelector = PodSelector.Of(term.NamespaceSelector);
        _namespaces = term.NamespaceSelector is null && term.Namespaces is not { Count: > 0 } ? [ns] : [.. term.Namespaces ?? []];
    }

    public string TopologyKey { get; }
    public int Weight { get; }

    public bool Matches(PodLabels pod, INamespaceLabels namespaces)
    {
        if (Array.IndexOf(_namespaces, pod.Namespace) >= 0 || _namespaceSelector.IsEmpty) return _pods.Matches(pod.Labels);
        // The namespace is looked up last: few Pods of other namespaces are meant, none where there is no selector.
        return !_namespaceSelector.IsNothing && _pods.Matches(pod.Labels) && _namespaceSelector.Matches(namespaces.Of(pod.Namespace));
    }

    /// <summary>Every term of a non-empty list means the Pod; null: there is none.</summary>
    public static bool AllMatch(AffinityTerm[] terms, PodLabels? pod, INamespaceLabels namespaces)
    {
        if (pod is null) return false;
        foreach (var term in terms)
            if (!term.Matches(pod, namespaces)) return false;
        return terms.Length > 0;
    }

    public static AffinityTerm[] Required(IList<V1PodAffinityTerm>? terms, string ns) => terms is not { Count: > 0 } ? [] : [.. terms.Select(t => new AffinityTerm(t, ns))];

    public static AffinityTerm[] Preferred(IList<V1WeightedPodAffinityTerm>? terms, string ns) =>
        terms is not { Count: > 0 } ? [] : [.. terms.Select(t => new AffinityTerm(t.PodAffinityTerm, ns, t.Weight))];
}

/// <summary>Labels of namespaces, which affinity between Pods may select.</summary>
internal interface INamespaceLabels
{
    /// <summary>Null: the namespace is not there or has none.</summary>
    IDictionary<string, string>? Of(string ns);
}
