using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Plugins;

internal enum ScoringStrategyType { LeastAllocated, MostAllocated, RequestedToCapacityRatio }

/// <summary>A point of the line that turns use (0..100) into a score (0..10).</summary>
internal readonly record struct ShapePoint(int Utilization, int Score);

/// <summary>How full a node should be, of which resources. KubeSchedulerConfiguration, NodeResourcesFitArgs.scoringStrategy.</summary>
internal sealed record ScoringStrategy
{
    public static readonly IReadOnlyList<(string Resource, long Weight)> DefaultResources = [(ResourceAmounts.Cpu, 1), (ResourceAmounts.Memory, 1)];

    public ScoringStrategyType Type { get; init; }
    public IReadOnlyList<(string Resource, long Weight)> Resources { get; init; } = DefaultResources;
    public IReadOnlyList<ShapePoint> Shape { get; init; } = [];

    /// <summary>Those that scores look at: the number of Pods is none of them, as upstream has it.</summary>
    public static (string Resource, long Weight)[] Scored(IReadOnlyList<(string Resource, long Weight)> resources)
    {
        var scored = new List<(string Resource, long Weight)>(resources.Count);
        foreach (var resource in resources)
            if (resource.Resource != ResourceAmounts.Pods) scored.Add(resource);
        return [.. scored];
    }

    /// <summary>Least: 4000m of which 1000m are used → 75. Most: → 25. Ratio: the shape at 25 %.</summary>
    public long ScoreOf(long used, long capacity) => Type switch
    {
        ScoringStrategyType.LeastAllocated => used > capacity ? 0 : (capacity - used) * INodeScore.Max / capacity,
        ScoringStrategyType.MostAllocated => Math.Min(used, capacity) * INodeScore.Max / capacity,
        _ => OnShape(used > capacity ? 100 : used * 100 / capacity),
    };

    private long OnShape(long utilization)
    {
        // A shape's scores go to 10, a node's to 100.
        const int Scale = (int)INodeScore.Max / 10;
        for (var i = 0; i < Shape.Count; i++)
        {
            if (utilization > Shape[i].Utilization) continue;
            if (i == 0) return Shape[0].Score * Scale;
            var (from, to) = (Shape[i - 1], Shape[i]);
            return (from.Score * Scale) + ((to.Score - from.Score) * Scale * (utilization - from.Utilization) / (to.Utilization - from.Utilization));
        }
        return Shape[^1].Score * Scale;
    }
}

/// <summary>Settings of <see cref="NodeResourcesFit"/>.</summary>
internal sealed record NodeResourcesFitArgs
{
    public IReadOnlyList<string> IgnoredResources { get; init; } = [];
    public IReadOnlyList<string> IgnoredResourceGroups { get; init; } = [];
    public ScoringStrategy Strategy { get; init; } = new();

    /// <summary>Only extended resources (<c>vendor.com/gpu</c>, not Kubernetes' own) can be ignored, by name or by group (<c>vendor.com</c>).</summary>
    public bool IsIgnored(string resource)
    {
        var slash = resource.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && !resource.Contains("kubernetes.io/", StringComparison.Ordinal) && (IgnoredResources.Contains(resource) || IgnoredResourceGroups.Contains(resource[..slash]));
    }
}
