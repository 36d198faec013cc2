namespace Bramble.Controllers.PodAutoscaling;

/// <summary>How HorizontalPodAutoscalers work where they do not say so themselves. Upstream's defaults.</summary>
public sealed record AutoscalerSettings
{
    /// <summary>How often each one is looked at (<c>horizontal-pod-autoscaler-sync-period</c>).</summary>
    public TimeSpan SyncPeriod { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>For so long the highest recommendation counts before Pods go.</summary>
    public TimeSpan DownscaleStabilization { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A ratio of usage to target this near to 1 changes nothing.</summary>
    public double Tolerance { get; init; } = 0.1;

    /// <summary>A Pod this young counts only while it is ready: starting costs CPU that says nothing.</summary>
    public TimeSpan CpuInitializationPeriod { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A Pod that became unready within this time of its start has never been ready.</summary>
    public TimeSpan InitialReadinessDelay { get; init; } = TimeSpan.FromSeconds(30);
}
