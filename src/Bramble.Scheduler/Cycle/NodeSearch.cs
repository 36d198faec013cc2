using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Cycle;

/// <summary>The best node for a Pod: filters, then scores. Holds the buffers of a search; not thread-safe.</summary>
internal sealed class NodeSearch(Random random)
{
    private const int NodesMin = 100;       // so many fitting nodes are always looked for
    private const int PercentageMin = 5;

    private readonly List<NodeInfo> _fitting = [];
    private long[] _totals = [];
    private long[] _scores = [];
    private int[] _stops = [];
    private INodeScore?[] _opinions = [];
    private int _start;

    /// <param name="filters">The profile's rules with the Pod in mind, for preemption and reservations.</param>
    /// <returns>The node, or null and why not.</returns>
    public NodeInfo? Find(Profile profile, PodInfo pod, ClusterState cluster, out PodFilters filters, out Diagnosis diagnosis)
    {
        var fitting = Fitting(profile, pod, cluster, triesNominated: true, wantsMany: false, out filters, out diagnosis);
        return fitting.Count == 0 ? null : Best(profile, pod, cluster, filters, fitting, null);
    }

    /// <summary>The nodes among which the best is; the list is the search's own and good until the next.</summary>
    /// <param name="triesNominated">A node that is nominated for the Pod and fits is enough.</param>
    /// <param name="wantsMany">Others choose among the nodes too.</param>
    public IReadOnlyList<NodeInfo> Fitting(Profile profile, PodInfo pod, ClusterState cluster, bool triesNominated, bool wantsMany, out PodFilters filters, out Diagnosis diagnosis)
    {
        diagnosis = new Diagnosis(cluster.NodeCount);
        filters = new PodFilters(pod, []);
        _fitting.Clear();
        if (cluster.NodeCount == 0) return _fitting;
        profile.Metrics?.BeginCycle();
        var start = profile.Metrics?.Now ?? 0;
        var fits = TryPrepare(profile, pod, cluster, diagnosis, out filters, out var only);
        profile.Metrics?.Took(ExtensionPoint.PreFilter, start, fits ? StepStatus.Success : CycleMetrics.StatusOf(diagnosis.Others));
        if (!fits) return _fitting;

        start = profile.Metrics?.Now ?? 0;
        if (profile.Metrics is not null) BeginCounting(filters);
        // A node that was emptied for the Pod is most likely the only one it fits.
        if (triesNominated && pod.NominatedNode.Length > 0 && cluster.Find(pod.NominatedNode) is { } nominated && only?.Contains(nominated.Name) != false
            && filters.FilterWithNominated(nominated, cluster.Nominations, out _).DoesFit)
            _fitting.Add(nominated);
        else
            Filter(profile, cluster, filters, only, wantsMany, diagnosis);
        if (profile.Metrics is not null) EndCounting(profile.Metrics, filters, start);
        return _fitting;
    }

    /// <summary>200 nodes: 50 - 200/125 = 49 % → 98, so 100. 5000 nodes: 10 % → 500.</summary>
    internal static int NodesToFind(int nodes, int percentage)
    {
        if (nodes < NodesMin) return nodes;
        if (percentage == 0) percentage = Math.Max(PercentageMin, 50 - (nodes / 125));
        return Math.Max(NodesMin, nodes * percentage / 100);
    }

    private void BeginCounting(PodFilters filters)
    {
        if (_stops.Length <= filters.All.Count) _stops = new int[filters.All.Count + 8];
        _stops.AsSpan().Clear();
        filters.Count(_stops);
    }

    private void EndCounting(CycleMetrics metrics, PodFilters filters, long start)
    {
        filters.Count(null);
        filters.Time(null);
        metrics.Filtered(filters, _stops);
        metrics.Took(ExtensionPoint.Filter, start);
    }

    private static bool TryPrepare(Profile profile, PodInfo pod, ClusterState cluster, Diagnosis diagnosis, out PodFilters filters, out HashSet<string>? only)
    {
        var prepared = new List<(IFilterPlugin, INodeFilter)>(profile.Filters.Count);
        filters = new PodFilters(pod, prepared);
        only = null;
        List<IFilterPlugin>? restricting = null;
        for (var i = 0; i < profile.Filters.Count; i++)
        {
            var plugin = profile.Filters[i];
            var start = profile.Metrics is { IsTimed: true } ? profile.Metrics.Now : 0;
            var preparation = plugin.Prepare(pod, cluster);
            if (profile.Metrics is { IsTimed: true }) profile.Metrics.Took(ExtensionPoint.PreFilter, plugin.Name, start, CycleMetrics.StatusOf(preparation.Refusal));
            if (preparation.Filter is not null || !preparation.Refusal.DoesFit) profile.Metrics?.PreFiltered(i);
            if (!preparation.Refusal.DoesFit)
            {
                Refuse(string.Join(", ", preparation.Refusal.Reasons!), preparation.Refusal);
                diagnosis.AddRejector(plugin);
                return false;
            }
            if (preparation.Filter is { } filter) prepared.Add((plugin, filter));
            if (preparation.OnlyNodes is not { } names) continue;
            (restricting ??= []).Add(plugin);
            if (only is null) only = new(names, StringComparer.Ordinal);
            else only.IntersectWith(names);
            if (only.Count > 0) continue;
            var who = string.Join(' ', restricting.Select(p => p.Name).Order(StringComparer.Ordinal));
            Refuse(restricting.Count == 1 ? $"node(s) didn't satisfy plugin {who}" : $"node(s) didn't satisfy plugin(s) [{who}] simultaneously", FilterResult.Unresolvable());
            foreach (var one in restricting) diagnosis.AddRejector(one);
            return false;
        }
        if (restricting is null) return true;
        foreach (var one in restricting) diagnosis.AddRejector(one);
        diagnosis.Others = FilterResult.Unresolvable($"node(s) didn't satisfy plugin(s) [{string.Join(' ', restricting.Select(p => p.Name).Order(StringComparer.Ordinal))}]");
        return true;

        void Refuse(string message, FilterResult result)
        {
            diagnosis.Before = message;
            diagnosis.Others = result;
        }
    }

    private void Filter(Profile profile, ClusterState cluster, PodFilters filters, HashSet<string>? only, bool wantsMany, Diagnosis diagnosis)
    {
        if (only is not null)
        {
            foreach (var name in only)
                if (cluster.Find(name) is { } node) Look(node);
            return;
        }
        var nodes = cluster.Nodes;
        var wanted = profile.Scores.Count == 0 && !wantsMany ? 1 : NodesToFind(nodes.Length, profile.PercentageOfNodesToScore);
        // The next search begins where this one ends, so that all nodes are looked at alike.
        var looked = 0;
        for (; looked < nodes.Length && _fitting.Count < wanted; looked++) Look(nodes[(_start + looked) % nodes.Length]);
        _start = (_start + looked) % nodes.Length;

        void Look(NodeInfo node)
        {
            if (profile.Metrics is { IsTimed: true }) filters.Time(profile.Metrics.IsNodeTimed() ? profile.Metrics : null);
            var result = filters.FilterWithNominated(node, cluster.Nominations, out var by);
            if (result.DoesFit) _fitting.Add(node);
            else diagnosis.Refuse(node.Name, result, by);
        }
    }

    /// <param name="nodes">One at least.</param>
    /// <param name="others">What others think of the nodes, by name; null: there are none.</param>
    public NodeInfo Best(Profile profile, PodInfo pod, ClusterState cluster, PodFilters filters, IReadOnlyList<NodeInfo> nodes, IReadOnlyDictionary<string, long>? others)
    {
        var count = nodes.Count;
        if (count == 1) return nodes[0];
        if (_totals.Length < count) (_totals, _scores) = (new long[count], new long[count]);
        var totals = _totals.AsSpan(0, count);
        var scores = _scores.AsSpan(0, count);
        totals.Clear();
        var metrics = profile.Metrics;
        var start = metrics?.Now ?? 0;
        if (_opinions.Length < profile.Scores.Count) _opinions = new INodeScore?[profile.Scores.Count];
        for (var p = 0; p < profile.Scores.Count; p++)
        {
            var plugin = profile.Scores[p].Plugin;
            var since = metrics is { IsTimed: true } ? metrics.Now : 0;
            _opinions[p] = filters.Of(plugin) as INodeScore ?? plugin.Prepare(pod, nodes, cluster);
            if (metrics is { IsTimed: true }) metrics.Took(ExtensionPoint.PreScore, plugin.Name, since);
        }
        metrics?.Took(ExtensionPoint.PreScore, start);
        start = metrics?.Now ?? 0;
        for (var p = 0; p < profile.Scores.Count; p++)
        {
            if (_opinions[p] is not { } opinion) continue;
            var since = metrics is { IsTimed: true } ? metrics.Now : 0;
            for (var i = 0; i < count; i++) scores[i] = opinion.Score(nodes[i]);
            opinion.Normalize(scores);
            for (var i = 0; i < count; i++) totals[i] += profile.Scores[p].Weight * scores[i];
            metrics?.Scored(p, count);
            if (metrics is { IsTimed: true }) metrics.Took(ExtensionPoint.Score, profile.Scores[p].Plugin.Name, since);
        }
        metrics?.Took(ExtensionPoint.Score, start);
        if (others is not null)
            for (var i = 0; i < count; i++) totals[i] += others.GetValueOrDefault(nodes[i].Name);
        // Of equally good ones any, so that they fill alike.
        var (best, equals) = (0, 1);
        for (var i = 1; i < count; i++)
        {
            if (totals[i] > totals[best]) (best, equals) = (i, 1);
            else if (totals[i] == totals[best] && random.Next(++equals) == 0) best = i;
        }
        return nodes[best];
    }
}
