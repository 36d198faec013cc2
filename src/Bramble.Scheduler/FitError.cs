using Bramble.Scheduler.Filters;

namespace Bramble.Scheduler;

/// <summary>Upstream's sentence for a Pod that fits nowhere.</summary>
internal static class FitError
{
    /// <summary><c>0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.</c></summary>
    public static string Message(int nodes, IEnumerable<IReadOnlyList<string>> reasonsOfNodes)
    {
        if (nodes == 0) return "no nodes available to schedule pods";
        var lines = reasonsOfNodes.SelectMany(r => r).GroupBy(r => r, StringComparer.Ordinal).Select(g => $"{g.Count()} {g.Key}").Order(StringComparer.Ordinal).ToList();
        var message = $"0/{nodes} nodes are available:";
        return lines.Count == 0 ? message : $"{message} {string.Join(", ", lines)}.";
    }

    /// <summary>What preemption says when it does not help: nodes where removing Pods could never help, and nodes without anybody to remove.</summary>
    public static string Preemption(IReadOnlyCollection<FilterResult> refusals) =>
        "preemption: " + Message(refusals.Count, refusals.Select(r => (IReadOnlyList<string>)[r.IsUnresolvable
            ? "Preemption is not helpful for scheduling" : "No preemption victims found for incoming pod"]));
}
