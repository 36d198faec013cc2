using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>One look at one Job: does what <see cref="JobVerdict"/>, <see cref="JobPlan"/> and <see cref="JobCount"/> say.</summary>
/// <param name="tree">The Job as it is stored; kept as it is written.</param>
internal sealed class JobLook(ControllerContext context, Owner owner, JsonObject tree, JobView view, JobBackOff backOff, IInformer<V1Job> jobs, IInformer<V1Pod> podCopies, WriteBarrier writes)
{
    private readonly PodControl _podControl = new(context, podCopies, writes);
    private readonly JsonObject _status = view.Status.DeepClone().AsObject();
    private int _ready;
    private int _terminating;
    private Requeue _requeue = Requeue.Never;

    /// <summary>With the failures that the status holds now.</summary>
    public JobBackOff BackOff { get; private set; } = backOff;

    private EventSubject About => EventSubject.Of(Resources.Jobs, view.Job);

    public async Task<Requeue> RunAsync(CancellationToken cancel)
    {
        (_ready, _terminating) = (view.Ready, view.Terminating);
        if (_status["startTime"] is null && view.StartedAt is { } started) _status["startTime"] = KubeTime.Seconds(started);
        var verdict = JobVerdict.Decide(view);
        Exception? failure;
        int active;
        if (verdict is not null)
        {
            // Finalizers stay until they are counted. Not over yet when one could not be told to end.
            (active, failure) = await RemoveAsync(view.Active, isReleased: false, cancel);
            if (failure is not null) verdict = null;
        }
        else
        {
            if (JobVerdict.DeadlineIn(view) is { } left) _requeue = _requeue.Or(left);
            (active, failure) = await ManageAsync(cancel);
            verdict = JobVerdict.AfterPods(view, active);
            if (verdict is null && view.Job.Metadata.DeletionTimestamp is null) NoteSuspended();
        }
        _status.Remove("active");
        _status.Count("active", active);
        _status["ready"] = _ready;
        _status["terminating"] = _terminating;
        await CountAsync(verdict, cancel);
        if (failure is not null) throw failure;
        return _requeue;
    }

    /// <summary>Takes the finalizer of a Pod away.</summary>
    public static async Task<KubeObject?> ReleaseAsync(IKubeClient client, V1Pod pod, CancellationToken cancel)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid, ["$deleteFromPrimitiveList/finalizers"] = new JsonArray(JobPods.TrackingFinalizer) },
        };
        try
        {
            return await client.StrategicPatchAsync(Resources.Pods, pod.NamespacedName(), patch, null, cancel);
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            return null;        // gone; a conflict is no such thing: what still has its finalizer would be counted twice
        }
    }

    /// <returns>The Pods that are active now, and what went wrong.</returns>
    private async Task<(int Active, Exception? Failure)> ManageAsync(CancellationToken cancel)
    {
        var plan = JobPlan.Decide(view);
        if (plan.Removes.Count > 0) return await RemoveAsync(plan.Removes, isReleased: true, cancel);
        if (plan.Wait is { } wait)
        {
            _requeue = _requeue.Or(wait < JobController.ChangesPeriod ? JobController.ChangesPeriod : wait);
            // As upstream counts: while the next Pods wait, none is said to be active. But never fewer than are ready: the API refuses such a status, and what
            // failed would not be counted until the wait is over.
            return (_ready > 0 ? view.Active.Count : 0, null);
        }
        var created = 0;
        var failure = await SlowStart.RunAsync(plan.Creates.Count, async i =>
        {
            if (await CreateAsync(plan.Creates[i], cancel)) Interlocked.Increment(ref created);
        });
        return (view.Active.Count + created, failure);
    }

    /// <returns>The Pods that are active now, and what went wrong.</returns>
    private async Task<(int Active, Exception? Failure)> RemoveAsync(IReadOnlyList<V1Pod> going, bool isReleased, CancellationToken cancel)
    {
        var removed = new ConcurrentBag<V1Pod>();
        var failure = await AllAtOnce.RunAsync(going.Count, async i =>
        {
            if (isReleased && going[i].IsTracked() && await ReleaseAsync(context.Client, going[i], cancel) is { } written) writes.Wrote(owner.Name, podCopies, written);
            await _podControl.DeleteAsync(About, going[i], cancel);
            removed.Add(going[i]);
        });
        _terminating += removed.Count;
        _ready -= removed.Count(p => p.IsReady());
        return (view.Active.Count - removed.Count, failure);
    }

    /// <returns>False: the namespace takes no more Pods.</returns>
    private Task<bool> CreateAsync(int? index, CancellationToken cancel) =>
        _podControl.CreateAsync(About, JobPods.Make(view.Job, tree, owner, index, index is { } i ? view.Replaced.GetValueOrDefault(i) : null), cancel);

    private void NoteSuspended()
    {
        if (view.IsSuspended)
        {
            if (!SetCondition("Suspended", "True", "JobSuspended", "Job suspended")) return;
            context.Events.Normal(About, "Suspended", "Job suspended");
            _status.Remove("startTime");
        }
        else if (SetCondition("Suspended", "False", "JobResumed", "Job resumed"))
        {
            context.Events.Normal(About, "Resumed", "Job resumed");
            // The deadline counts the time that a Job runs: it begins anew.
            _status["startTime"] = KubeTime.Seconds(view.Now);
        }
    }

    /// <summary>Counts what ended, and ends the Job when its time has come.</summary>
    private async Task CountAsync(JobVerdict? verdict, CancellationToken cancel)
    {
        var count = new JobCount(view, verdict, _status);
        // First what is going to be, so that it stays decided while finalizers go; then what is.
        if (verdict is { Type: not "Failed" }) SetCondition(verdict.Type, "True", verdict.Reason, verdict.Message);
        if (await WriteAsync(cancel)) BackOff = view.BackOff;

        var released = new ConcurrentBag<string>();
        var failure = await AllAtOnce.RunAsync(count.Releasing.Count, async i =>
        {
            if (await ReleaseAsync(context.Client, count.Releasing[i], cancel) is { } written) writes.Wrote(owner.Name, podCopies, written);
            released.Add(count.Releasing[i].Metadata.Uid);
        });
        var holding = view.Pods.Where(p => p.IsTracked()).Select(p => p.Metadata.Uid).ToHashSet(StringComparer.Ordinal);
        holding.ExceptWith(released);
        count.Released(holding);
        var final = failure is null && count.IsDone && _terminating == 0 ? verdict?.Final : null;
        if (final is not null)
        {
            SetCondition(final.Type, "True", final.Reason, final.Message);
            if (final.Type == "Complete") _status["completionTime"] = KubeTime.Seconds(view.Now);
        }
        await WriteAsync(cancel);
        if (final is not null) TellOver(final);
        if (failure is not null) throw failure;
    }

    /// <returns>False: nothing to write.</returns>
    private async Task<bool> WriteAsync(CancellationToken cancel)
    {
        if (await context.Client.WriteStatusAsync(Resources.Jobs, tree, _status.DeepClone().AsObject(), cancel) is not { } written) return false;
        writes.Wrote(owner.Name, jobs, written);
        var now = written.ToTree();
        tree["metadata"] = now["metadata"]!.DeepClone();
        tree["status"] = now["status"]?.DeepClone();
        return true;
    }

    private void TellOver(JobVerdict final)
    {
        if (final.Type != "Complete")
        {
            context.Events.Warning(About, final.Reason, final.Message);
            return;
        }
        if (view.Job.Spec.Completions is { } completions && _status.Number("succeeded") > completions)
            context.Events.Warning(About, "TooManySucceededPods", "Too many succeeded pods running after completion count reached");
        context.Events.Normal(About, "Completed", "Job completed");
    }

    /// <returns>True: it changed. One that is not there is not added as False.</returns>
    private bool SetCondition(string type, string value, string reason, string message)
    {
        var known = _status.Condition(type);
        if (known is null && value == "False") return false;
        if (known is not null && (string?)known["status"] == value && (string?)known["reason"] == reason && (string?)known["message"] == message) return false;
        if (_status["conditions"] is not JsonArray conditions) _status["conditions"] = conditions = [];
        if (known is null) conditions.Add((JsonNode)(known = new JsonObject { ["type"] = type }));
        known["status"] = value;
        known["lastProbeTime"] = KubeTime.Seconds(view.Now);
        known["lastTransitionTime"] = KubeTime.Seconds(view.Now);
        known["reason"] = reason;
        known["message"] = message;
        return true;
    }
}
