using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>One look at one Job: whether it is over, how many Pods it should have, and counting those that ended (KEP-2307): their uids go into the status,
/// then their finalizers go, then the numbers rise. A crash between any two steps loses nothing.</summary>
internal sealed class JobLook(
    ControllerContext context, KubeObject found, List<V1Pod> pods, JobBackOff backOff, IInformer<V1Job> jobs, IInformer<V1Pod> podCopies, WriteBarrier writes)
{
    /// <summary>Uids in the status at once: it stays below 20 KB.</summary>
    private const int UncountedMax = 500;
    private const int PodsAtOnceMax = 500;

    private readonly NamespacedName _name = found.Name;
    private readonly PodControl _podControl = new(context, podCopies, writes);
    private readonly V1Job _job = found.Model<V1Job>();
    private readonly JsonObject _tree = found.ToTree();
    private readonly Owner _owner = Owner.Of(Resources.Jobs, found);
    private readonly DateTimeOffset _now = context.Time.GetUtcNow();
    private readonly JsonObject _status = found.ToTree()["status"] as JsonObject ?? [];
    private readonly HashSet<string> _uncountedSucceeded = [];
    private readonly HashSet<string> _uncountedFailed = [];
    private readonly List<V1Pod> _active = [.. pods.Where(p => p.IsActive())];
    private int _ready = pods.Count(p => p.IsActive() && p.IsReady());
    private int _terminating = pods.Count(p => p.IsTerminating());
    private IndexSet _countedIndexes = IndexSet.Empty;
    private IndexSet _succeededIndexes = IndexSet.Empty;
    private IndexSet? _failedIndexes;
    private Dictionary<int, V1Pod> _replacedAtIndex = [];
    private int _succeeded;
    private JobBackOff _nextBackOff;
    private (string Type, string Reason, string Message)? _verdict;
    private Requeue _requeue = Requeue.Never;

    /// <summary>With the failures that the status holds now.</summary>
    public JobBackOff BackOff { get; private set; } = backOff;

    private bool IsSuspended => _job.Spec.Suspend == true;
    private int Completions => _job.Spec.Completions ?? 0;
    private EventSubject About => EventSubject.Of(Resources.Jobs, _job);

    public async Task<Requeue> RunAsync(CancellationToken cancel)
    {
        if (_status["uncountedTerminatedPods"] is not JsonObject uncounted) _status["uncountedTerminatedPods"] = uncounted = [];
        foreach (var uid in uncounted["succeeded"] as JsonArray ?? []) _uncountedSucceeded.Add((string)uid!);
        foreach (var uid in uncounted["failed"] as JsonArray ?? []) _uncountedFailed.Add((string)uid!);

        var newSucceeded = NewlyFinished(_uncountedSucceeded, p => p.Status?.Phase == "Succeeded");
        var newFailed = NewlyFinished(_uncountedFailed, p => p.HasFailedFor(_job));
        _succeeded = Number("succeeded") + newSucceeded.Count + _uncountedSucceeded.Count;
        var failed = Number("failed") + _uncountedFailed.Count + newFailed.Count(p => PodFailurePolicy.Decide(_job.Spec.PodFailurePolicy, p).IsCounted);
        if (_status["startTime"] is null && !IsSuspended) _status["startTime"] = KubeTime.Seconds(_now);
        _nextBackOff = BackOff.After(newSucceeded, newFailed);

        _verdict = Verdict(failed);
        if (_job.IsIndexed()) CountIndexes();

        Exception? failure;
        var active = _active.Count;
        if (_verdict is not null)
        {
            // Finalizers stay until they are counted. Not over yet when one could not be told to end.
            (active, failure) = await RemoveAsync(_active, isReleased: false, cancel);
            if (failure is not null) _verdict = null;
        }
        else
        {
            var isManaged = _job.Metadata.DeletionTimestamp is null;
            (active, failure) = isManaged ? await ManageAsync(cancel) : (active, null);
            if (_job.Spec.Completions is null ? _succeeded > 0 && active == 0 : _succeeded >= Completions && active == 0)
                _verdict = ("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods");
            else if (isManaged) NoteSuspended();
        }
        _status.Remove("active");
        _status.Count("active", active);
        _status["ready"] = _ready;
        _status["terminating"] = _terminating;
        await CountAsync(cancel);
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

    /// <summary>Tracked Pods in a final state that are not in the status yet.</summary>
    private List<V1Pod> NewlyFinished(HashSet<string> uncounted, Func<V1Pod, bool> isFinished) =>
        [.. pods.Where(p => p.IsTracked() && !uncounted.Contains(p.Metadata.Uid) && (!_job.IsIndexed() || IsOwnIndex(p)) && isFinished(p))];

    private bool IsOwnIndex(V1Pod pod) => pod.IndexOf() is { } index && index < Completions;

    private (string Type, string Reason, string Message)? Verdict(int failed)
    {
        if (Condition("SuccessCriteriaMet") is { } met) return ("SuccessCriteriaMet", (string?)met["reason"] ?? "", (string?)met["message"] ?? "");
        if (Condition("FailureTarget") is { } target) return ("Failed", (string?)target["reason"] ?? "", (string?)target["message"] ?? "");
        if (_job.Spec.PodFailurePolicy is { } policy)
            foreach (var pod in pods)
                if (pod.HasFailedFor(_job) && PodFailurePolicy.Decide(policy, pod).FailJobMessage is { } why) return ("FailureTarget", "PodFailurePolicy", why);
        var limit = _job.Spec.BackoffLimit ?? 6;
        if (failed > limit || HasRestartedTooOften(limit)) return ("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
        if (_job.Spec.ActiveDeadlineSeconds is not { } seconds || IsSuspended || StartedAt() is not { } started) return null;
        var left = started.AddSeconds(seconds) - _now;
        if (left <= TimeSpan.Zero) return ("FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline");
        _requeue = _requeue.Or(left);
        return null;
    }

    /// <summary>Pods with restartPolicy OnFailure fail inside: their containers' restarts count instead.</summary>
    private bool HasRestartedTooOften(int limit)
    {
        if (_job.Spec.Template.Spec.RestartPolicy != "OnFailure") return false;
        var restarts = pods.Where(p => p.Status?.Phase is "Running" or "Pending")
            .Sum(p => (p.Status.ContainerStatuses ?? []).Concat(p.Status.InitContainerStatuses ?? []).Sum(c => c.RestartCount));
        return limit == 0 ? restarts > 0 : restarts >= limit;
    }

    private void CountIndexes()
    {
        _countedIndexes = IndexSet.Parse((string?)_status["completedIndexes"], Completions);
        _succeededIndexes = _countedIndexes.With(pods.Where(p => p.Status?.Phase == "Succeeded" && p.IsTracked() && IsOwnIndex(p)).Select(p => p.IndexOf()!.Value));
        _succeeded = _succeededIndexes.Count;
        if (_job.Spec.BackoffLimitPerIndex is { } perIndex)
        {
            _failedIndexes = IndexSet.Parse((string?)_status["failedIndexes"], Completions)
                .With(pods.Where(p => p.IsTracked() && IsOwnIndex(p) && FailsIndex(p, perIndex)).Select(p => p.IndexOf()!.Value));
            if (_verdict is null && _job.Spec.MaxFailedIndexes is { } most && _failedIndexes.Count > most)
                _verdict = ("FailureTarget", "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
            else if (_verdict is null && _failedIndexes.Count > 0 && _failedIndexes.Count + _succeededIndexes.Count >= Completions)
                _verdict = ("FailureTarget", "FailedIndexes", "Job has failed indexes");
            _replacedAtIndex = WaitingForSuccessor();
        }
        if (_verdict is null && SuccessPolicy.Decide(_job.Spec.SuccessPolicy, Completions, _succeededIndexes) is { } message)
            _verdict = ("SuccessCriteriaMet", "SuccessPolicy", message);
    }

    private bool FailsIndex(V1Pod pod, int perIndex)
    {
        if (!pod.HasFailedFor(_job)) return false;
        var verdict = PodFailurePolicy.Decide(_job.Spec.PodFailurePolicy, pod);
        return verdict.FailsIndex || (verdict.IsCounted && pod.FailuresOfIndex() >= perIndex);
    }

    /// <summary>The last failed Pod of each index stays until its successor carries its count on.</summary>
    private Dictionary<int, V1Pod> WaitingForSuccessor()
    {
        var activeIndexes = _active.Select(p => p.IndexOf()).OfType<int>().ToHashSet();
        var waiting = new Dictionary<int, V1Pod>();
        foreach (var pod in pods)
        {
            if (!pod.IsTracked() || !IsOwnIndex(pod) || !pod.HasFailedFor(_job)) continue;
            var index = pod.IndexOf()!.Value;
            if (_succeededIndexes.Contains(index) || _failedIndexes!.Contains(index) || activeIndexes.Contains(index)) continue;
            if (!waiting.TryGetValue(index, out var known)
                || (known.AllFailuresOfIndex() <= pod.AllFailuresOfIndex() && JobBackOff.FinishedAt(pod) >= JobBackOff.FinishedAt(known))) waiting[index] = pod;
        }
        return waiting;
    }

    /// <returns>The Pods that are active now, and what went wrong.</returns>
    private async Task<(int Active, Exception? Failure)> ManageAsync(CancellationToken cancel)
    {
        var active = _active.Count;
        var parallelism = _job.Spec.Parallelism ?? 1;
        var wanted = IsSuspended ? 0
            : _job.Spec.Completions is null ? (_succeeded > 0 ? active : parallelism)
            : Math.Clamp(Completions - _succeeded, 0, parallelism);
        var going = ToRemove(Math.Max(0, active - wanted));
        // Uncounted on purpose: a Pod that is not needed any more has not failed.
        if (going.Count > 0) return await RemoveAsync(going, isReleased: true, cancel);
        if (IsSuspended) return (active, null);

        var missing = wanted - active - (_job.ReplacesOnlyFailed() ? _terminating : 0);
        if (missing <= 0) return (active, null);
        if (_job.Spec.BackoffLimitPerIndex is null && _nextBackOff.Remaining(_now) is { Ticks: > 0 } wait) return Later(wait);
        missing = Math.Min(missing, PodsAtOnceMax);
        List<int?> indexes = [.. Enumerable.Repeat<int?>(null, missing)];
        if (_job.IsIndexed())
        {
            var pending = PendingIndexes(missing);
            var due = pending.Where(i => WaitOf(i) == TimeSpan.Zero).ToList();
            if (due.Count == 0 && pending.Count > 0) return Later(pending.Min(WaitOf));
            indexes = [.. due.Select(i => (int?)i)];
        }
        var created = 0;
        var failure = await SlowStart.RunAsync(indexes.Count, async i =>
        {
            if (await CreateAsync(indexes[i], cancel)) Interlocked.Increment(ref created);
        });
        return (active + created, failure);

        (int, Exception?) Later(TimeSpan delay)
        {
            _requeue = _requeue.Or(delay < JobController.ChangesPeriod ? JobController.ChangesPeriod : delay);
            // As upstream counts: while the next Pods wait, none is said to be active. But never fewer than are ready: the API refuses such a status, and what
            // failed would not be counted until the wait is over.
            return (_ready > 0 ? active : 0, null);
        }
    }

    private List<int> PendingIndexes(int count)
    {
        var busy = _succeededIndexes.With(_active.Select(p => p.IndexOf()).OfType<int>());
        if (_job.ReplacesOnlyFailed()) busy = busy.With(pods.Where(p => p.IsTerminating()).Select(p => p.IndexOf()).OfType<int>());
        if (_failedIndexes is not null) busy = busy.With(_failedIndexes);
        return busy.FirstMissing(count, Completions);
    }

    private TimeSpan WaitOf(int index) => _replacedAtIndex.TryGetValue(index, out var last)
        ? new JobBackOff(last.AllFailuresOfIndex() + 1, JobBackOff.FinishedAt(last)).Remaining(_now) : TimeSpan.Zero;

    /// <summary>Surplus Pods, and of an Indexed Job those whose index is wrong or taken twice.</summary>
    private List<V1Pod> ToRemove(int least)
    {
        var going = new List<V1Pod>();
        var left = _active;
        if (_job.IsIndexed())
        {
            left = [];
            foreach (var group in _active.GroupBy(p => IsOwnIndex(p) ? p.IndexOf() : null))
            {
                var same = group.ToList();
                var surplus = DeletionOrder.YoungestFirst(same, group.Key is null ? same.Count : same.Count - 1);
                going.AddRange(surplus);
                left.AddRange(same.Except(surplus));
            }
        }
        if (going.Count < least) going.AddRange(DeletionOrder.YoungestFirst(left, least - going.Count));
        // A suspended Job stops as a whole.
        return IsSuspended ? going : [.. going.Take(PodsAtOnceMax)];
    }

    /// <returns>The Pods that are active now, and what went wrong.</returns>
    private async Task<(int Active, Exception? Failure)> RemoveAsync(List<V1Pod> going, bool isReleased, CancellationToken cancel)
    {
        var removed = new ConcurrentBag<V1Pod>();
        var failure = await AllAtOnce.RunAsync(going.Count, async i =>
        {
            if (isReleased && going[i].IsTracked() && await ReleaseAsync(context.Client, going[i], cancel) is { } written) writes.Wrote(_name, podCopies, written);
            await _podControl.DeleteAsync(About, going[i], cancel);
            removed.Add(going[i]);
        });
        _terminating += removed.Count;
        _ready -= removed.Count(p => p.IsReady());
        return (_active.Count - removed.Count, failure);
    }

    /// <returns>False: the namespace takes no more Pods.</returns>
    private Task<bool> CreateAsync(int? index, CancellationToken cancel) =>
        _podControl.CreateAsync(About, JobPods.Make(_job, _tree, _owner, index, index is { } i ? _replacedAtIndex.GetValueOrDefault(i) : null), cancel);

    private void NoteSuspended()
    {
        if (IsSuspended)
        {
            if (!SetCondition("Suspended", "True", "JobSuspended", "Job suspended")) return;
            context.Events.Normal(About, "Suspended", "Job suspended");
            _status.Remove("startTime");
        }
        else if (SetCondition("Suspended", "False", "JobResumed", "Job resumed"))
        {
            context.Events.Normal(About, "Resumed", "Job resumed");
            // The deadline counts the time that a Job runs: it begins anew.
            _status["startTime"] = KubeTime.Seconds(_now);
        }
    }

    /// <summary>Counts what ended, and ends the Job when its time has come.</summary>
    private async Task CountAsync(CancellationToken cancel)
    {
        var holding = pods.Where(p => p.IsTracked()).Select(p => p.Metadata.Uid).ToHashSet(StringComparer.Ordinal);
        MoveToCounts(holding);
        var releasing = new List<V1Pod>();
        var newIndexes = new List<int>();
        var isFull = false;
        foreach (var pod in _job.IsIndexed() ? pods.OrderBy(p => p.IndexOf() ?? -1).ToList() : pods)
        {
            if (!pod.IsTracked() || !MayRelease(pod)) continue;
            releasing.Add(pod);
            Note(pod, newIndexes);
            isFull = newIndexes.Count + _uncountedSucceeded.Count + _uncountedFailed.Count >= UncountedMax;
            if (isFull) break;      // the write below brings the Job back for the rest
        }
        WriteUncounted();
        if (_job.IsIndexed())
        {
            var succeeded = _countedIndexes.With(newIndexes);
            _status.Remove("succeeded");
            _status.Remove("completedIndexes");
            _status.Count("succeeded", succeeded.Count);
            if (succeeded.Count > 0) _status["completedIndexes"] = succeeded.ToString();
            if (_failedIndexes is not null) _status["failedIndexes"] = _failedIndexes.ToString();
        }
        var final = _verdict;
        if (final is { } interim)
        {
            // First what is going to be, so that it stays decided while finalizers go; then what is.
            if (interim.Type is "FailureTarget" or "SuccessCriteriaMet") SetCondition(interim.Type, "True", interim.Reason, interim.Message);
            final = interim with { Type = interim.Type == "SuccessCriteriaMet" ? "Complete" : "Failed" };
        }
        if (await WriteAsync(cancel)) BackOff = _nextBackOff;

        var released = new ConcurrentBag<string>();
        var failure = await AllAtOnce.RunAsync(releasing.Count, async i =>
        {
            if (await ReleaseAsync(context.Client, releasing[i], cancel) is { } written) writes.Wrote(_name, podCopies, written);
            released.Add(releasing[i].Metadata.Uid);
        });
        holding.ExceptWith(released);
        MoveToCounts(holding);
        WriteUncounted();
        var isOver = failure is null && !isFull && final is not null && _uncountedSucceeded.Count + _uncountedFailed.Count == 0 && _terminating == 0;
        if (isOver)
        {
            SetCondition(final!.Value.Type, "True", final.Value.Reason, final.Value.Message);
            if (final.Value.Type == "Complete") _status["completionTime"] = KubeTime.Seconds(_now);
        }
        await WriteAsync(cancel);
        if (isOver) TellOver(final!.Value);
        if (failure is not null) throw failure;
    }

    private bool MayRelease(V1Pod pod)
    {
        if (_job.Metadata.DeletionTimestamp is not null || _verdict is not null || pod.Status?.Phase == "Succeeded") return true;
        return pod.HasFailedFor(_job) && !(pod.IndexOf() is { } index && _replacedAtIndex.GetValueOrDefault(index)?.Metadata.Uid == pod.Metadata.Uid);
    }

    private void Note(V1Pod pod, List<int> newIndexes)
    {
        var uid = pod.Metadata.Uid;
        if (pod.Status?.Phase == "Succeeded" && !_uncountedFailed.Contains(uid))
        {
            if (!_job.IsIndexed()) _uncountedSucceeded.Add(uid);
            else if (IsOwnIndex(pod) && !_countedIndexes.Contains(pod.IndexOf()!.Value)) newIndexes.Add(pod.IndexOf()!.Value);
        }
        else if (pod.HasFailedFor(_job) || _verdict is { Type: not "SuccessCriteriaMet" })
        {
            // A Job that failed counts all that had not ended as failed.
            if ((!_job.IsIndexed() || IsOwnIndex(pod)) && PodFailurePolicy.Decide(_job.Spec.PodFailurePolicy, pod).IsCounted) _uncountedFailed.Add(uid);
        }
    }

    private void MoveToCounts(HashSet<string> holding)
    {
        Move(_uncountedSucceeded, "succeeded");
        Move(_uncountedFailed, "failed");

        void Move(HashSet<string> uncounted, string field)
        {
            var counted = uncounted.RemoveWhere(uid => !holding.Contains(uid));
            if (counted > 0) _status[field] = Number(field) + counted;
        }
    }

    private void WriteUncounted()
    {
        var uncounted = new JsonObject();
        if (_uncountedSucceeded.Count > 0) uncounted["succeeded"] = new JsonArray([.. _uncountedSucceeded.Select(u => (JsonNode)u)]);
        if (_uncountedFailed.Count > 0) uncounted["failed"] = new JsonArray([.. _uncountedFailed.Select(u => (JsonNode)u)]);
        _status["uncountedTerminatedPods"] = uncounted;
    }

    /// <returns>False: nothing to write.</returns>
    private async Task<bool> WriteAsync(CancellationToken cancel)
    {
        if (await context.Client.WriteStatusAsync(Resources.Jobs, _tree, _status.DeepClone().AsObject(), cancel) is not { } written) return false;
        writes.Wrote(_name, jobs, written);
        var tree = written.ToTree();
        _tree["metadata"] = tree["metadata"]!.DeepClone();
        _tree["status"] = tree["status"]?.DeepClone();
        return true;
    }

    private void TellOver((string Type, string Reason, string Message) final)
    {
        if (final.Type != "Complete")
        {
            context.Events.Warning(About, final.Reason, final.Message);
            return;
        }
        if (_job.Spec.Completions is { } completions && Number("succeeded") > completions)
            context.Events.Warning(About, "TooManySucceededPods", "Too many succeeded pods running after completion count reached");
        context.Events.Normal(About, "Completed", "Job completed");
    }

    private int Number(string field) => (int)_status.Number(field);

    private DateTimeOffset? StartedAt() => (string?)_status["startTime"] is { } text ? DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : null;

    private JsonObject? Condition(string type) => _status.Condition(type) is { } condition && (string?)condition["status"] == "True" ? condition : null;

    /// <returns>True: it changed. One that is not there is not added as False.</returns>
    private bool SetCondition(string type, string value, string reason, string message)
    {
        var known = _status.Condition(type);
        if (known is null && value == "False") return false;
        if (known is not null && (string?)known["status"] == value && (string?)known["reason"] == reason && (string?)known["message"] == message) return false;
        if (_status["conditions"] is not JsonArray conditions) _status["conditions"] = conditions = [];
        if (known is null) conditions.Add((JsonNode)(known = new JsonObject { ["type"] = type }));
        known["status"] = value;
        known["lastProbeTime"] = KubeTime.Seconds(_now);
        known["lastTransitionTime"] = KubeTime.Seconds(_now);
        known["reason"] = reason;
        known["message"] = message;
        return true;
    }
}
