namespace Bramble.Controllers.PodAutoscaling;

/// <summary>Which of an autoscaler's metrics counts: the one that asks for most. Where one is not known the others may still ask for more, never for fewer. Pure.</summary>
/// <param name="Best">Null: none counts, and <paramref name="Error"/> says why.</param>
/// <param name="First">The first that failed.</param>
internal sealed record MetricChoice(MetricLook? Best, MetricFailure? First, string? Error)
{
    /// <param name="looks">In the order of the spec; null where the metric is not known.</param>
    /// <param name="failures">In the same order; null where it is.</param>
    /// <param name="current">The replicas there are.</param>
    public static MetricChoice Decide(IReadOnlyList<MetricLook?> looks, IReadOnlyList<MetricFailure?> failures, int current)
    {
        MetricLook? best = null;
        MetricFailure? first = null;
        var failed = 0;
        for (var i = 0; i < looks.Count; i++)
        {
            if (failures[i] is { } failure)
            {
                first ??= failure;
                failed++;
            }
            else if (best is null || best.Replicas == 0 || looks[i]!.Replicas > best.Replicas)
            {
                best = looks[i];
            }
        }
        return failed >= looks.Count || (failed > 0 && (best?.Replicas ?? 0) < current)
            ? new(null, first, $"invalid metrics ({failed} invalid out of {looks.Count}), first error is: {first?.Error}")
            : new(best, first, null);
    }
}
