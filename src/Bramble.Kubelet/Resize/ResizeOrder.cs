using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Resize;

/// <summary>Which pods' wishes are decided first: those that ask for no more, then by priority, Guaranteed before others, those that wait longest (KEP-1287). Pure.</summary>
internal static class ResizeOrder
{
    public static IReadOnlyList<PodWorker> Of(IEnumerable<PodWorker> workers) =>
        [.. workers.Where(w => w.Resize.Desired is not null).OrderBy(w => Rank(w.Pod, w.Resize.Desired ?? w.Pod, w.Resize.PendingSince))];

    public static (int, int, int, DateTime) Rank(V1Pod allocated, V1Pod desired, DateTime? pendingSince) => (
        ComputeResources.Requests(desired).IsAnyRequestMoreThan(ComputeResources.Requests(allocated)) ? 1 : 0,
        -(desired.Spec.Priority ?? 0),
        desired.QosClass() == "Guaranteed" ? 0 : 1,
        pendingSince ?? DateTime.MaxValue);
}
