using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>Runs Pods of a Job until enough have succeeded. A finished Pod keeps a finalizer until it is counted, so none is forgotten and none counted twice.</summary>
internal sealed class JobController : IReconciler
{
    /// <summary>Many Pods of a Job change at about one time: one look for all of them, and for what was written of them into its status.</summary>
    public static readonly TimeSpan ChangesPeriod = TimeSpan.FromSeconds(1);

    /// <summary>Marks a key that names a Pod which has lost its Job. No Job's name has a colon.</summary>
    private const string OrphanPrefix = "pod:";

    private readonly ControllerContext _context;
    private readonly IInformer<V1Job> _jobs;
    private readonly IInformer<V1Pod> _pods;
    private readonly WriteBarrier _writes = new();
    private readonly ConcurrentDictionary<string, JobBackOff> _backOffs = new(StringComparer.Ordinal);     // by uid

    public JobController(ControllerContext context)
    {
        _context = context;
        // A quota that is full is no reason to ask a hundred times in a second, nor to ask only every quarter of an hour.
        context.Queue.BackOff = (TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        _jobs = context.Watches(Resources.Jobs, JobChanged);
        _pods = context.Watches(Resources.Pods, PodChanged);
        _pods.AddIndex(PodIndexes.ByNamespaceOrOwner, PodIndexes.NamespaceOrOwner);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (name.Name.StartsWith(OrphanPrefix, StringComparison.Ordinal))
        {
            await ReleaseOrphanAsync(new NamespacedName(name.Namespace, name.Name[OrphanPrefix.Length..]), cancel);
            return Requeue.Never;
        }
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_jobs.FindObject(name) is not { } found) return Requeue.Never;
        var job = found.Model<V1Job>();
        if (IsOthers(job)) return Requeue.Never;
        if (IsFinished(job))
        {
            _backOffs.TryRemove(found.Uid, out _);
            return Requeue.Never;
        }
        var tree = found.ToTree();
        var owner = Owner.Of(Resources.Jobs, found);
        var selector = LabelSelector.FromObject(tree["spec"]!["selector"] as JsonObject);
        var pods = await Claiming.ClaimAsync(
            _context.Client, owner, job.IsBeingDeleted(), Resources.Pods, PodIndexes.OwnedOrOrphaned(_pods, name.Namespace, found.Uid),
            p => selector.Matches(p.Metadata.Labels), o => _writes.Wrote(name, _pods, o), cancel, JobPods.TrackingFinalizer);
        var backOff = _backOffs.GetValueOrDefault(found.Uid);
        var look = new JobLook(_context, owner, tree, new JobView(job, tree["status"] as JsonObject, pods, backOff, _context.Time.GetUtcNow()), backOff, _jobs, _pods, _writes);
        try
        {
            return await look.RunAsync(cancel);
        }
        finally
        {
            // Also when something after the count failed: what is counted is not new to the next look.
            _backOffs[found.Uid] = look.BackOff;
        }
    }

    /// <summary>spec.managedBy: another controller's. KEP-4368.</summary>
    private static bool IsOthers(V1Job job) => job.Spec.ManagedBy is { } manager && manager != "kubernetes.io/job-controller";

    public static bool IsFinished(V1Job job) => EndOf(job) is not null;

    /// <summary>The condition that says that it is finished; null: it is not.</summary>
    public static V1JobCondition? EndOf(V1Job job) => job.Status?.Conditions?.FirstOrDefault(c => c is { Type: "Complete" or "Failed", Status: "True" });

    private void JobChanged(ObjectChange<V1Job> change)
    {
        if (change.New is { } job)
        {
            var isSpecSame = change.Old is { } old && old.Metadata.Uid == job.Metadata.Uid && old.Metadata.Generation == job.Metadata.Generation;
            _context.Queue.AddAfter(change.Name, isSpecSame ? ChangesPeriod : TimeSpan.Zero);
            if (!IsFinished(job)) return;
        }
        else
        {
            _backOffs.TryRemove(change.Old!.Metadata.Uid, out _);
        }
        // Its Pods would wait for ever for somebody to count them, and so would those that it was about to adopt.
        foreach (var pod in PodIndexes.OwnedOrOrphaned(_pods, change.Name.Namespace, (change.New ?? change.Old!).Metadata.Uid)) AddOrphan(pod);
    }

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        if (change.Old?.ControllerRef() is { } before && IsJob(before) && before.Uid != change.New?.ControllerRef()?.Uid) AddJob(change.Name.Namespace, before.Name);
        if (change.New is not { } pod) return;
        if (pod.ControllerRef() is { } owner)
        {
            if (!IsJob(owner)) return;
            if (_jobs.Find(new NamespacedName(change.Name.Namespace, owner.Name)) is { } job && job.Metadata.Uid == owner.Uid && !IsFinished(job)) AddJob(change.Name.Namespace, owner.Name);
            else AddOrphan(pod);
            return;
        }
        AddOrphan(pod);
        if (pod.IsBeingDeleted() || pod.Metadata.Labels is not { Count: > 0 } labels) return;
        foreach (var job in _jobs.Selecting(change.Name.Namespace, labels)) AddJob(job.Namespace, job.Name);
    }

    /// <summary>Others have a Job of their own.</summary>
    private static bool IsJob(V1OwnerReference owner) => owner is { Kind: "Job", ApiVersion: "batch/v1" };

    private void AddJob(string ns, string name) => _context.Queue.AddAfter(new NamespacedName(ns, name), ChangesPeriod);

    private void AddOrphan(V1Pod pod)
    {
        if (pod.IsTracked()) _context.Queue.Add(new NamespacedName(pod.Metadata.NamespaceProperty, OrphanPrefix + pod.Metadata.Name));
    }

    private async Task ReleaseOrphanAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_pods.Find(name) is not { } pod || !pod.IsTracked()) return;
        if (pod.ControllerRef() is { } owner)
        {
            if (!IsJob(owner)) return;
            // The copy of Jobs may lag behind the Pod's: only the API's answer counts. Nobody counts any more for a Job that is finished.
            if (await _context.Client.FindAsync(Resources.Jobs, new NamespacedName(name.Namespace, owner.Name), cancel) is { } job && job.Uid == owner.Uid && MayCount(job.Model<V1Job>())) return;
        }
        else if (!pod.IsBeingDeleted() && pod.Metadata.Labels is { } labels && _jobs.Selecting(name.Namespace, labels).Any(WillAdopt))
        {
            return;
        }
        await JobLook.ReleaseAsync(_context.Client, pod, cancel);

        static bool MayCount(V1Job job) => IsOthers(job) || !IsFinished(job);

        bool WillAdopt(NamespacedName of) => _jobs.Find(of) is { } job && !job.IsBeingDeleted() && !IsOthers(job) && !IsFinished(job);
    }
}
