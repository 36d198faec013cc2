using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Cycle;

/// <summary>The rules of a profile with one Pod in mind, in their order; those that have nothing to say about it are left out.</summary>
internal sealed class PodFilters(PodInfo pod, IReadOnlyList<(IFilterPlugin Plugin, INodeFilter Filter)> filters)
{
    private int[]? _stops;
    private CycleMetrics? _times;

    public PodInfo Pod { get; } = pod;
    public IReadOnlyList<(IFilterPlugin Plugin, INodeFilter Filter)> All => filters;

    /// <summary>What a rule made for the Pod; null: it has nothing to say.</summary>
    public INodeFilter? Of(object plugin)
    {
        for (var i = 0; i < filters.Count; i++)
            if (ReferenceEquals(filters[i].Plugin, plugin)) return filters[i].Filter;
        return null;
    }

    /// <summary>From now on it is counted how many nodes each rule refuses; last: none does.</summary>
    /// <param name="stops">Null: no more.</param>
    public void Count(int[]? stops) => _stops = stops;

    /// <summary>From now on each rule is timed.</summary>
    /// <param name="times">Null: no more.</param>
    public void Time(CycleMetrics? times) => _times = times;

    /// <param name="by">The rule that refused.</param>
    public FilterResult Filter(NodeInfo node, out IFilterPlugin? by)
    {
        for (var i = 0; i < filters.Count; i++)
        {
            var result = _times is null ? filters[i].Filter.Filter(node) : Timed(_times, filters[i].Plugin.Name, filters[i].Filter, node);
            if (result.DoesFit) continue;
            by = filters[i].Plugin;
            if (_stops is not null) _stops[i]++;
            return result;
        }
        by = null;
        if (_stops is not null) _stops[filters.Count]++;
        return FilterResult.Fits;
    }

    /// <summary>Pods for which the node is being emptied and that are not less important are counted as if they were there; and, because some rules hold only
    /// with them, the Pod must fit without them too.</summary>
    public FilterResult FilterWithNominated(NodeInfo node, Nominations nominations, out IFilterPlugin? by)
    {
        var nominated = nominations.On(node.Name);
        NodeInfo? with = null;
        PodFilters? filters = null;
        for (var i = 0; i < nominated.Count; i++)
        {
            var other = nominated[i];
            if (other.Priority < Pod.Priority || other.Uid == Pod.Uid) continue;
            with ??= node.Copy();
            filters ??= Copy();
            with.Add(other);
            filters.Add(other, with);
        }
        if (with is not null && filters!.Filter(with, out by) is { DoesFit: false } refusal) return refusal;
        return Filter(node, out by);
    }

    public PodFilters Copy() => new(Pod, [.. filters.Select(f => (f.Plugin, f.Filter.Copy()))]);

    public void Add(PodInfo other, NodeInfo node)
    {
        foreach (var (_, filter) in filters) filter.Add(other, node);
    }

    public void Remove(PodInfo other, NodeInfo node)
    {
        foreach (var (_, filter) in filters) filter.Remove(other, node);
    }

    private static FilterResult Timed(CycleMetrics times, string plugin, INodeFilter filter, NodeInfo node)
    {
        var start = times.Now;
        var result = filter.Filter(node);
        times.Took(ExtensionPoint.Filter, plugin, start, CycleMetrics.StatusOf(result));
        return result;
    }
}
