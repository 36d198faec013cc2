using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler;

/// <summary>What is told while a binding is being written: events about the Pod, and figures.</summary>
internal sealed class BindingReport(PodInfo pod, CycleMetrics cycle, EventRecorder events, SchedulerMetrics metrics)
{
    /// <summary>When a step begins.</summary>
    public long Now => cycle.Now;

    public void Took(ExtensionPoint point, long since, StepStatus status) => cycle.Took(point, since, status);

    public void Tell(string reason, string note) => events.WithAction(EventSubject.Of(Resources.Pods, pod.Pod), "Normal", reason, "Scheduling", note);

    public void ClaimMade(bool isMade) => metrics.ClaimMade(isMade);

    public void DevicesWaited(JsonObject? allocation, string status, TimeSpan duration) => metrics.DevicesWaited(cycle.ProfileName, allocation, status, duration);
}
