using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>Which Pods a Job that goes on removes, or else makes. Pure.</summary>
/// <param name="Removes">They are not needed any more, and go uncounted: they have not failed.</param>
/// <param name="Creates">The index of each; null: it has none.</param>
/// <param name="Wait">How long the next ones wait after failures; null: none waits.</param>
internal sealed record JobPlan(IReadOnlyList<V1Pod> Removes, IReadOnlyList<int?> Creates, TimeSpan? Wait)
{
    private const int PodsAtOnceMax = 500;

    private static readonly JobPlan Nothing = new([], [], null);

    public static JobPlan Decide(JobView view)
    {
        var (job, active) = (view.Job, view.Active.Count);
        // Who goes makes nothing and leaves its Pods to the garbage collector.
        if (job.Metadata.DeletionTimestamp is not null) return Nothing;
        var parallelism = job.Spec.Parallelism ?? 1;
        var wanted = view.IsSuspended ? 0
            : job.Spec.Completions is null ? (view.Succeeded > 0 ? active : parallelism)
            : Math.Clamp(view.Completions - view.Succeeded, 0, parallelism);
        var going = ToRemove(view, Math.Max(0, active - wanted));
        if (going.Count > 0) return new(going, [], null);
        if (view.IsSuspended) return Nothing;

        var missing = Math.Min(wanted - active - (job.ReplacesOnlyFailed() ? view.Terminating : 0), PodsAtOnceMax);
        if (missing <= 0) return Nothing;
        if (job.Spec.BackoffLimitPerIndex is null && view.BackOff.Remaining(view.Now) is { Ticks: > 0 } wait) return new([], [], wait);
        if (!job.IsIndexed()) return new([], [.. Enumerable.Repeat<int?>(null, missing)], null);
        var pending = PendingIndexes(view, missing);
        List<int?> due = [.. pending.Where(i => WaitOf(view, i) == TimeSpan.Zero).Select(i => (int?)i)];
        return due.Count == 0 && pending.Count > 0 ? new([], [], pending.Min(i => WaitOf(view, i))) : new([], due, null);
    }

    private static List<int> PendingIndexes(JobView view, int count)
    {
        var busy = view.SucceededIndexes.With(view.Active.Select(p => p.IndexOf()).OfType<int>());
        if (view.Job.ReplacesOnlyFailed()) busy = busy.With(view.Pods.Where(p => p.IsTerminating()).Select(p => p.IndexOf()).OfType<int>());
        if (view.FailedIndexes is not null) busy = busy.With(view.FailedIndexes);
        return busy.FirstMissing(count, view.Completions);
    }

    private static TimeSpan WaitOf(JobView view, int index) => view.Replaced.TryGetValue(index, out var last)
        ? new JobBackOff(last.AllFailuresOfIndex() + 1, JobBackOff.FinishedAt(last)).Remaining(view.Now) : TimeSpan.Zero;

    /// <summary>Surplus Pods, and of an Indexed Job those whose index is wrong or taken twice.</summary>
    private static List<V1Pod> ToRemove(JobView view, int least)
    {
        var going = new List<V1Pod>();
        var left = view.Active;
        if (view.Job.IsIndexed())
        {
            left = [];
            foreach (var group in view.Active.GroupBy(p => view.IsOwnIndex(p) ? p.IndexOf() : null))
            {
                var same = group.ToList();
                var surplus = DeletionOrder.YoungestFirst(same, group.Key is null ? same.Count : same.Count - 1);
                going.AddRange(surplus);
                left.AddRange(same.Except(surplus));
            }
        }
        if (going.Count < least) going.AddRange(DeletionOrder.YoungestFirst(left, least - going.Count));
        // A suspended Job stops as a whole.
        return view.IsSuspended ? going : [.. going.Take(PodsAtOnceMax)];
    }
}
