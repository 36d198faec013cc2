namespace Bramble.Scheduler.Queue;

/// <summary>How many Pods came into which part of the queue, and why. Thread-safe.</summary>
internal sealed class QueueMetrics
{
    private readonly MetricFamily _incoming = new("queue_incoming_pods_total", "[STABLE] Number of pods added to scheduling queues by event and queue type.");

    public Dictionary<string, MetricSeries> Active { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, MetricSeries> BackOff { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, MetricSeries> Unschedulable { get; } = new(StringComparer.Ordinal);
    public MetricFamily Incoming => _incoming;

    /// <param name="queue">One of the three; called under the queue's lock.</param>
    public void Came(Dictionary<string, MetricSeries> queue, string why)
    {
        if (!queue.TryGetValue(why, out var series)) queue.Add(why, series = _incoming.Series($"event=\"{why}\",queue=\"{NameOf(queue)}\""));
        series.Add(1);
    }

    private string NameOf(Dictionary<string, MetricSeries> queue) => queue == Active ? "active" : queue == BackOff ? "backoff" : "unschedulable";
}
