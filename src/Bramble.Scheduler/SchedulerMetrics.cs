using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Scheduler.Queue;

namespace Bramble.Scheduler;

/// <summary>Upstream's figures of the scheduler that dashboards and alerts read, under the same names. Thread-safe.</summary>
internal sealed class SchedulerMetrics
{
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

    /// <param name="result">scheduled, unschedulable or error.</param>
    public void Attempted(string profile, string result, TimeSpan duration)
    {
        var labels = $"profile=\"{profile}\",result=\"{result}\"";
        _attempts.Add(labels, 1);
        _durations.Add(labels, duration.TotalSeconds);
    }

    /// <param name="waited">Since it was looked at first.</param>
    public void Scheduled(int attempts, TimeSpan waited)
    {
        _attemptsOfPod.Add("", attempts);
        _waits.Add($"attempts=\"{(attempts >= 15 ? "15+" : attempts.ToString(CultureInfo.InvariantCulture))}\"", waited.TotalSeconds);
    }

    public void Preempts() => _preemptions.Add("", 1);

    public void Victims(int count) => _victims.Add("", count);

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
    public string Text(QueueLengths pending)
    {
        var text = new StringBuilder();
        _deviceAllocations.AppendTo(text);
        _deviceWaits.AppendTo(text);
        text.Append("# HELP scheduler_pending_pods [STABLE] Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; "
            + "'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never "
            + "attempted to schedule because they are gated.\n# TYPE scheduler_pending_pods gauge\n");
        text.Append(CultureInfo.InvariantCulture, $"scheduler_pending_pods{{queue=\"active\"}} {pending.Active}\nscheduler_pending_pods{{queue=\"backoff\"}} {pending.BackingOff}\n");
        text.Append(CultureInfo.InvariantCulture, $"scheduler_pending_pods{{queue=\"gated\"}} {pending.Gated}\nscheduler_pending_pods{{queue=\"unschedulable\"}} {pending.Unschedulable}\n");
        foreach (var family in (MetricFamily[])[_attemptsOfPod, _waits, _preemptions, _victims, _claims, _attempts, _durations]) family.AppendTo(text);
        return text.ToString();
    }

    private static double[] Doubled(double first, int count)
    {
        var bounds = new double[count];
        for (var i = 0; i < count; i++) bounds[i] = first * (1L << i);
        return bounds;
    }
}
