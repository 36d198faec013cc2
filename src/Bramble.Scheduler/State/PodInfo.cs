using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Placement;
using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>A version of a Pod with what filters and scores ask of it, computed once.</summary>
internal sealed class PodInfo
{
    public PodInfo(V1Pod pod)
    {
        Pod = pod;
        Name = pod.NamespacedName();
        Labels = new PodLabels(pod.Metadata.NamespaceProperty, pod.Metadata.Labels);
        Requests = PodRequests.Of(pod);
        AssumedRequests = PodRequests.WithAssumed(pod, Requests);
        HostPorts = HostPort.Of(pod);
        var (near, far) = (pod.Spec.Affinity?.PodAffinity, pod.Spec.Affinity?.PodAntiAffinity);
        RequiredAffinity = AffinityTerm.Required(near?.RequiredDuringSchedulingIgnoredDuringExecution, Name.Namespace);
        RequiredAntiAffinity = AffinityTerm.Required(far?.RequiredDuringSchedulingIgnoredDuringExecution, Name.Namespace);
        PreferredAffinity = AffinityTerm.Preferred(near?.PreferredDuringSchedulingIgnoredDuringExecution, Name.Namespace);
        PreferredAntiAffinity = AffinityTerm.Preferred(far?.PreferredDuringSchedulingIgnoredDuringExecution, Name.Namespace);
        IsLeaving = pod.IsBeingDeleted();
    }

    public V1Pod Pod { get; }
    public NamespacedName Name { get; }
    public string Uid => Pod.Metadata.Uid;
    public PodLabels Labels { get; }
    public ResourceAmounts Requests { get; }

    /// <summary>For scores; see <see cref="PodRequests.WithAssumed"/>.</summary>
    public ResourceAmounts AssumedRequests { get; }
    public HostPort[] HostPorts { get; }
    public AffinityTerm[] RequiredAffinity { get; }
    public AffinityTerm[] RequiredAntiAffinity { get; }
    public AffinityTerm[] PreferredAffinity { get; }
    public AffinityTerm[] PreferredAntiAffinity { get; }
    public bool HasAffinity => RequiredAffinity.Length + RequiredAntiAffinity.Length + PreferredAffinity.Length + PreferredAntiAffinity.Length > 0;
    public bool IsLeaving { get; }
    public int Priority => Pod.Spec.Priority ?? 0;
    public string NominatedNode => Pod.Status?.NominatedNodeName ?? "";
    public string SchedulerName => string.IsNullOrEmpty(Pod.Spec.SchedulerName) ? "default-scheduler" : Pod.Spec.SchedulerName;
    public bool IsGated => Pod.Spec.SchedulingGates is { Count: > 0 };

    /// <summary>A Pod that has not started yet counts as the youngest.</summary>
    public DateTime StartedAt => Pod.Status?.StartTime ?? DateTime.MaxValue;

    /// <summary>Order of who stays when room is made: priority, then age.</summary>
    public static int MoreImportantFirst(PodInfo a, PodInfo b) => a.Priority != b.Priority ? b.Priority.CompareTo(a.Priority) : a.StartedAt.CompareTo(b.StartedAt);

    /// <summary>Names of the claims it uses; those of its ephemeral volumes too.</summary>
    public IEnumerable<(string Name, bool IsEphemeral)> Claims()
    {
        foreach (var volume in Pod.Spec.Volumes ?? [])
        {
            if (volume.PersistentVolumeClaim is { } claim) yield return (claim.ClaimName, false);
            else if (volume.Ephemeral is not null) yield return ($"{Name.Name}-{volume.Name}", true);
        }
    }
}
