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
    /// <summary>Many Pods of a Job change at about one time: one look for all of them.</summary>
    private static readonly TimeSpan PodChangesPeriod = TimeSpan.FromSeconds(1);

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
        var selector = LabelSelector.FromObject(found.ToTree()["spec"]!["selector"] as JsonObject);
        var pods = await Claiming.ClaimAsync(
            _context.Client, Owner.Of(Resources.Jobs, found), job.IsBeingDeleted(), Resources.Pods, PodIndexes.OwnedOrOrphaned(_pods, name.Namespace, found.Uid),
            p => selector.Matches(p.Metadata.Labels), o => _writes.Wrote(name, _pods, o), cancel, JobPods.TrackingFinalizer);
        var look = new JobLook(_context, found, pods, _backOffs.GetValueOrDefault(found.Uid), _jobs, _pods, _writes);
        var requeue = await look.RunAsync(cancel);
        _backOffs[found.Uid] = look.BackOff;
        return requeue;
    }

    /// <summary>spec.managedBy: another controller's. KEP-4368.</summary>
    private static bool IsOthers(V1Job job) => job.Spec.ManagedBy is { } manager && manager != "kubernetes.io/job-controller";

    public static bool IsFinished(V1Job job) => job.Status?.Conditions?.Any(c => c is { Type: "Complete" or "Failed", Status: "True" }) == true;

    private void JobChanged(ObjectChange<V1Job> change)
    {
        if (change.New is not null)
        {
            _context.Queue.Add(change.Name);
            return;
        }
        _backOffs.TryRemove(change.Old!.Metadata.Uid, out _);
        // Its Pods would wait for ever for somebody to count them.
        foreach (var pod in _pods.ByIndex(PodIndexes.ByNamespaceOrOwner, change.Old.Metadata.Uid)) AddOrphan(pod);
    }

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        if (change.Old?.ControllerRef() is { Kind: "Job" } before && before.Uid != change.New?.ControllerRef()?.Uid) AddJob(change.Name.Namespace, before.Name);
        if (change.New is not { } pod)
        {
            return;
        }
        if (pod.ControllerRef() is { } owner)
        {
            if (owner.Kind != "Job") return;
            if (_jobs.Find(new NamespacedName(change.Name.Namespace, owner.Name)) is { } job && job.Metadata.Uid == owner.Uid) AddJob(change.Name.Namespace, owner.Name);
            else AddOrphan(pod);
            return;
        }
        AddOrphan(pod);
        if (pod.IsBeingDeleted() || pod.Metadata.Labels is not { Count: > 0 } labels) return;
        foreach (var job in _jobs.Selecting(change.Name.Namespace, labels)) AddJob(job.Namespace, job.Name);
    }

    private void AddJob(string ns, string name) => _context.Queue.AddAfter(new NamespacedName(ns, name), PodChangesPeriod);

    private void AddOrphan(V1Pod pod)
    {
        if (pod.IsTracked()) _context.Queue.Add(new NamespacedName(pod.Metadata.NamespaceProperty, OrphanPrefix + pod.Metadata.Name));
    }

    private async Task ReleaseOrphanAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_pods.Find(name) is not { } pod || !pod.IsTracked()) return;
        if (pod.ControllerRef() is { } owner)
        {
            if (owner.Kind != "Job") return;
            // The copy of Jobs may lag behind the Pod's: only the API's answer counts.
            if (await _context.Client.FindAsync(Resources.Jobs, new NamespacedName(name.Namespace, owner.Name), cancel) is { } job && job.Uid == owner.Uid && !IsOthers(job.Model<V1Job>())) return;
        }
        else if (pod.Metadata.Labels is { } labels && _jobs.Selecting(name.Namespace, labels).Any())
        {
            return;     // about to be adopted
        }
        await JobLook.ReleaseAsync(_context.Client, pod, cancel);
    }
}
