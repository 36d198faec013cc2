using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Queue;

namespace Bramble.Scheduler;

/// <summary>Upstream's figures of the scheduler that dashboards and alerts read, under the same names. Thread-safe.</summary>
internal sealed class SchedulerMetrics
{
    private readonly MetricFamily _algorithm = new("scheduling_algorithm_duration_seconds", "[ALPHA] Scheduling algorithm latency in seconds", Doubled(0.001, 15), isSingle: true);
    private readonly MetricFamily _points = new("framework_extension_point_duration_seconds", "[STABLE] Latency for running all plugins of a specific extension point.", Doubled(0.0001, 12));
    private readonly MetricFamily _plugins = new("plugin_execution_duration_seconds", "[ALPHA] Duration for running a plugin at a specific extension point.", Growing(0.00001, 1.5, 20));
    private readonly MetricFamily _afterFlush = new(
        "pod_scheduled_after_flush_total",
        "[ALPHA] Number of pods that were successfully scheduled after being flushed from unschedulablePods due to timeout. This metric helps detect potential queueing hint misconfigurations "
        + "or event handling issues.", isSingle: true);
    private readonly MetricFamily _preemptionDurations = new("preemption_goroutines_duration_seconds", "[ALPHA] Duration in seconds for running goroutines for the preemption.", Doubled(0.01, 20));
    private readonly MetricFamily _preemptionRuns = new("preemption_goroutines_execution_total", "[ALPHA] Number of preemption goroutines executed.");
    private readonly List<CycleMetrics> _profiles = [];
    private readonly MetricFamily _deviceAllocations = new("dra_bindingconditions_allocations_total", "[ALPHA] Number of allocations using devices with BindingConditions, counted per driver per scheduling attempt");
    private readonly MetricFamily _deviceWaits = new("dra_bindingconditions_wait_duration_seconds", "[ALPHA] Time in seconds spent waiting for BindingConditions to be satisfied during PreBind.", Doubled(0.1, 14));
    private readonly MetricFamily _attemptsOfPod = new("pod_scheduling_attempts", "[STABLE] Number of attempts to successfully schedule a pod.", Doubled(1, 5), isSingle: true);
    private readonly MetricFamily _waits = new(
        "pod_scheduling_sli_duration_seconds",
        "[BETA] E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.", Doubled(0.01, 20));
    private readonly MetricFamily _preemptions = new("preemption_attempts_total", "[STABLE] Total preemption attempts in the cluster till now", isSingle: true);
    private readonly MetricFamily _victims = new("preemption_victims", "[STABLE] Number of selected preemption victims", Doubled(1, 7), isSingle: true);
    private readonly MetricFamily _claims = new("resourceclaim_creates_total", "[ALPHA] Number of ResourceClaims creation requests within scheduler");
    private readonly MetricFamily _attempts = new(
        "schedule_attempts_total",
        "[STABLE] Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.");
    private readonly MetricFamily _durations = new("scheduling_attempt_duration_seconds", "[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + binding)", Doubled(0.001, 15));

    /// <summary>Counted by the queue.</summary>
    public QueueMetrics Queue { get; } = new();

    /// <summary>Counted within the cycles of a profile. All profiles are there before anything is counted.</summary>
    public CycleMetrics Add(Profile profile, TimeProvider time)
    {
        var metrics = new CycleMetrics(profile, time, _points, _plugins);
        _profiles.Add(metrics);
        return metrics;
    }

    public void Decided(TimeSpan duration) => _algorithm.Add("", duration.TotalSeconds);

    /// <param name="result">scheduled, unschedulable or error.</param>
    public void Attempted(string profile, string result, TimeSpan duration)
    {
        var labels = $"profile=\"{profile}\",result=\"{result}\"";
        _attempts.Add(labels, 1);
        _durations.Add(labels, duration.TotalSeconds);
    }

    /// <param name="waited">Since it could have been looked at first.</param>
    /// <param name="wasForgotten">It had waited for so long that it was tried without a reason.</param>
    public void Scheduled(int attempts, TimeSpan waited, bool wasForgotten)
    {
        if (wasForgotten) _afterFlush.Add("", 1);
        _attemptsOfPod.Add("", attempts);
        _waits.Add($"attempts=\"{(attempts >= 15 ? "15+" : attempts.ToString(CultureInfo.InvariantCulture))}\"", waited.TotalSeconds);
    }

    public void Preempts() => _preemptions.Add("", 1);

    public void Victims(int count) => _victims.Add("", count);

    public void Preempted(bool isDone, TimeSpan duration)
    {
        var labels = isDone ? "result=\"success\"" : "result=\"error\"";
        _preemptionDurations.Add(labels, duration.TotalSeconds);
        _preemptionRuns.Add(labels, 1);
    }

    public void ClaimMade(bool isMade) => _claims.Add($"status=\"{(isMade ? "success" : "failure")}\"", 1);

    /// <param name="status">success, failure, timeout or error.</param>
    public void DevicesWaited(string profile, JsonObject? allocation, string status, TimeSpan duration)
    {
        foreach (var result in (allocation?["devices"]?["results"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var labels = $"driver=\"{(string?)result["driver"]}\",profile=\"{profile}\",status=\"{status}\"";
            _deviceWaits.Add(labels, duration.TotalSeconds);
            if (result["bindingConditions"] is JsonArray { Count: > 0 }) _deviceAllocations.Add(labels, 1);
        }
    }

    /// <summary>As Prometheus reads it.</summary>
    /// <param name="reasons">How many Pods wait because of which plugin: <see cref="SchedulingQueue.Reasons"/>.</param>
    public string Text(QueueLengths pending, Dictionary<string, int> reasons, int nodes, int pods, int bindings)
    {
        var text = new StringBuilder();
        Head(text, "cache_size", "gauge", "[ALPHA] Number of nodes, pods, and assumed (bound) pods in the scheduler cache.");
        text.Append(CultureInfo.InvariantCulture, $"scheduler_cache_size{{type=\"assumed_pods\"}} {pending.Binding}\nscheduler_cache_size{{type=\"nodes\"}} {nodes}\nscheduler_cache_size{{type=\"pods\"}} {pods}\n");
        _deviceAllocations.AppendTo(text);
        _deviceWaits.AppendTo(text);
        _points.AppendTo(text);
        Head(text, "goroutines", "gauge", "[BETA] Number of running goroutines split by the work they do such as binding.");
        text.Append(CultureInfo.InvariantCulture, $"scheduler_goroutines{{operation=\"binding\"}} {bindings}\n");
        Head(text, "pending_pods", "gauge", "[STABLE] Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; "
            + "'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never "
            + "attempted to schedule because they are gated.");
        text.Append(CultureInfo.InvariantCulture, $"scheduler_pending_pods{{queue=\"active\"}} {pending.Active}\nscheduler_pending_pods{{queue=\"backoff\"}} {pending.BackingOff}\n");
        text.Append(CultureInfo.InvariantCulture, $"scheduler_pending_pods{{queue=\"gated\"}} {pending.Gated}\nscheduler_pending_pods{{queue=\"unschedulable\"}} {pending.Unschedulable}\n");
        Head(text, "plugin_evaluation_total", "counter", "[BETA] Number of attempts to schedule pods by each plugin and the extension point (available only in PreFilter, Filter, PreScore, and Score).");
        foreach (var profile in _profiles) profile.AppendEvaluations(text);
        foreach (var family in (MetricFamily[])
            [_plugins, _afterFlush, _attemptsOfPod, _waits, _preemptions, _preemptionDurations, _preemptionRuns, _victims, Queue.Incoming, _claims, _attempts, _algorithm, _durations]) family.AppendTo(text);
        Head(text, "unschedulable_pods", "gauge", "[BETA] The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins that caused it to not schedule "
            + "and so this metric have meaning only when broken down by plugin.");
        foreach (var key in reasons.Keys.Order(StringComparer.Ordinal))
        {
            var slash = key.IndexOf('/');
            text.Append(CultureInfo.InvariantCulture, $"scheduler_unschedulable_pods{{plugin=\"{key[(slash + 1)..]}\",profile=\"{key[..slash]}\"}} {reasons[key]}\n");
        }
        return text.ToString();
    }

    private static void Head(StringBuilder text, string name, string kind, string help) =>
        text.Append("# HELP scheduler_").Append(name).Append(' ').Append(help).Append("\n# TYPE scheduler_").Append(name).Append(' ').Append(kind).Append('\n');

    private static double[] Doubled(double first, int count) => Growing(first, 2, count);

    private static double[] Growing(double first, double factor, int count)
    {
        var bounds = new double[count];
        for (var i = 0; i < count; i++) (bounds[i], first) = (first, first * factor);
        return bounds;
    }
}
