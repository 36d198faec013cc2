using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler;

/// <summary>What is told while a binding is being written: events about the Pod, and figures.</summary>
internal sealed class BindingReport(PodInfo pod, string profile, EventRecorder events, SchedulerMetrics metrics)
{
    public void Tell(string reason, string note) => events.WithAction(EventSubject.Of(Resources.Pods, pod.Pod), "Normal", reason, "Scheduling", note);

    public void ClaimMade(bool isMade) => metrics.ClaimMade(isMade);

    public void DevicesWaited(JsonObject? allocation, string status, TimeSpan duration) => metrics.DevicesWaited(profile, allocation, status, duration);
}
