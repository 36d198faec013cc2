using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;

namespace Bramble.Scheduler.Cycle;

/// <summary>Why a Pod fits nowhere: what each node that was looked at said, and what holds for the others.</summary>
internal sealed class Diagnosis(int nodeCount)
{
    private readonly Dictionary<string, FilterResult> _ofNode = new(StringComparer.Ordinal);
    private readonly List<IFilterPlugin> _rejectors = [];

    public int NodeCount { get; } = nodeCount;

    /// <summary>What a rule said before any node was looked at; null: nodes were looked at.</summary>
    public string? Before { get; set; }

    /// <summary>Of the nodes that were not looked at.</summary>
    public FilterResult Others { get; set; } = FilterResult.Unresolvable();

    public IReadOnlyDictionary<string, FilterResult> OfNode => _ofNode;

    /// <summary>The rules that refused, each once.</summary>
    public IReadOnlyList<IFilterPlugin> Rejectors => _rejectors;

    public ChangeKinds MayHelp { get; private set; }

    public void Refuse(string node, FilterResult result, IFilterPlugin? by = null)
    {
        _ofNode[node] = result;
        if (by is not null) AddRejector(by);
    }

    public void AddRejector(IFilterPlugin by)
    {
        if (_rejectors.Contains(by)) return;
        _rejectors.Add(by);
        MayHelp |= WakeUps.Of(by);
    }

    public FilterResult Of(string node) => _ofNode.TryGetValue(node, out var result) ? result : Others;

    /// <summary><c>0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.</c></summary>
    /// <param name="after">What was tried afterwards (preemption) and with what end; empty: nothing to say.</param>
    public string Message(string after = "")
    {
        var message = $"0/{NodeCount} nodes are available:";
        if (Before is not null)
        {
            message += $" {Before}.";
        }
        else
        {
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (var result in _ofNode.Values)
                foreach (var reason in result.Reasons ?? []) counts[reason] = counts.GetValueOrDefault(reason) + 1;
            if (_ofNode.Count < NodeCount)
                foreach (var reason in Others.Reasons ?? []) counts[reason] = counts.GetValueOrDefault(reason) + NodeCount - _ofNode.Count;
            if (counts.Count > 0) message += $" {string.Join(", ", counts.Select(c => $"{c.Value} {c.Key}").Order(StringComparer.Ordinal))}.";
        }
        return after.Length == 0 ? message : $"{message} {after}";
    }
}
