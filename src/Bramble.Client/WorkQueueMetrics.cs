using System.Globalization;
using System.Text;
using Bramble.Api.Metrics;

namespace Bramble.Client;

/// <summary>What work queues did and have at hand, in Prometheus' text format under upstream's names.</summary>
public sealed class WorkQueueMetrics
{
    /// <summary>Seconds; upstream's: ten steps from 10 ns on.</summary>
    internal static readonly double[] Bounds = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10];

    private readonly StringBuilder _adds = Family("adds_total", "counter", "Total number of adds handled by workqueue");
    private readonly StringBuilder _depth = Family("depth", "gauge", "Current depth of workqueue");
    private readonly StringBuilder _longest = Family(
        "longest_running_processor_seconds", "gauge", "How many seconds has the longest running processor for workqueue been running.");
    private readonly StringBuilder _waits = Family("queue_duration_seconds", "histogram", "How long in seconds an item stays in workqueue before being requested.");
    private readonly StringBuilder _retries = Family("retries_total", "counter", "Total number of retries handled by workqueue");
    private readonly StringBuilder _unfinished = Family(
        "unfinished_work_seconds", "gauge",
        "How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. "
        + "One can deduce the number of stuck threads by observing the rate at which this increases.");
    private readonly StringBuilder _works = Family("work_duration_seconds", "histogram", "How long in seconds processing an item from workqueue takes.");

    /// <summary>All queues that were written into it.</summary>
    public string Text() => string.Concat((StringBuilder[])[_adds, _depth, _longest, _waits, _retries, _unfinished, _works]);

    /// <param name="name">Upstream's name of the queue: <c>deployment</c>.</param>
    internal void Add(string name, long adds, long retries, int depth, double unfinished, double longest, Histogram waits, Histogram works)
    {
        var labels = $"name=\"{name}\"";
        Line(_adds, "adds_total", labels, adds);
        Line(_depth, "depth", labels, depth);
        Line(_longest, "longest_running_processor_seconds", labels, longest);
        waits.AppendTo(_waits, "workqueue_queue_duration_seconds", labels);
        Line(_retries, "retries_total", labels, retries);
        Line(_unfinished, "unfinished_work_seconds", labels, unfinished);
        works.AppendTo(_works, "workqueue_work_duration_seconds", labels);
    }

    private static StringBuilder Family(string name, string kind, string help) =>
        new($"# HELP workqueue_{name} [BETA] {help}\n# TYPE workqueue_{name} {kind}\n");

    private static void Line(StringBuilder text, string name, string labels, double value) =>
        text.Append(CultureInfo.InvariantCulture, $"workqueue_{name}{{{labels}}} {value}\n");
}
