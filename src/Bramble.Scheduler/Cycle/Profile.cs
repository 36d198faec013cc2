using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Preemption;

namespace Bramble.Scheduler.Cycle;

/// <summary>The rules, opinions and limits for the Pods of one schedulerName.</summary>
internal sealed record Profile
{
    public required string SchedulerName { get; init; }

    /// <summary>In the order in which they look at a node; the first that refuses is the one that is told.</summary>
    public required IReadOnlyList<IFilterPlugin> Filters { get; init; }
    public required IReadOnlyList<(IScorePlugin Plugin, int Weight)> Scores { get; init; }

    /// <summary>Null: no Pod makes room for another.</summary>
    public PreemptionArgs? Preemption { get; init; } = new();

    /// <summary>A Pod that fits nowhere may give up devices that were allocated for it (DynamicResources, before preemption is tried).</summary>
    public bool FreesClaims { get; init; } = true;

    /// <summary>Share of the nodes among which the best is looked for, of 100; 0: by the size of the cluster.</summary>
    public int PercentageOfNodesToScore { get; init; }

    /// <summary>Null: nobody counts.</summary>
    public CycleMetrics? Metrics { get; init; }
}
