using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Jobs;
using k8s.Models;

namespace Bramble.Controllers.TtlAfterFinished;

/// <summary>When a finished Job goes. KEP-592. spec.ttlSecondsAfterFinished: seconds, 0 = at once.</summary>
internal static class TtlAfterFinished
{
    /// <returns>Null: it stays; else how long until it goes, zero or less: now.</returns>
    public static TimeSpan? Decide(V1Job job, DateTimeOffset now)
    {
        if (job.IsBeingDeleted() || job.Spec.TtlSecondsAfterFinished is not { } ttlSeconds || JobController.EndOf(job) is not { } finished) return null;
        return KubeTime.Utc(finished.LastTransitionTime) is { } at ? at.AddSeconds(ttlSeconds) - now : null;
    }
}

internal sealed class TtlAfterFinishedController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Job> _jobs;

    public TtlAfterFinishedController(ControllerContext context)
    {
        _context = context;
        _jobs = context.Watches(Resources.Jobs, change =>
        {
            if (change.New?.Spec.TtlSecondsAfterFinished is not null) context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_jobs.Find(name) is not { } job || TtlAfterFinished.Decide(job, _context.Time.GetUtcNow()) is not { } left) return Requeue.Never;
        if (left > TimeSpan.Zero) return Requeue.After(left);
        // uid and version go along: a Job changed meanwhile (its TTL, its very self) answers 409 and is looked at again.
        await _context.Client.DeleteAsync(
            Resources.Jobs, name, new DeleteQuery(PropagationPolicy: "Foreground", Uid: job.Metadata.Uid, ResourceVersion: job.Metadata.ResourceVersion), cancel);
        return Requeue.Never;
    }
}
