using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>What a Job and its Pods are in one moment: read once, then decided from. Pure.</summary>
internal sealed class JobView
{
    /// <param name="status">As it is stored; null: the Job is new.</param>
    /// <param name="pods">All that are the Job's.</param>
    /// <param name="backOff">With the failures that the status holds.</param>
    public JobView(V1Job job, JsonObject? status, IReadOnlyList<V1Pod> pods, JobBackOff backOff, DateTimeOffset now)
    {
        (Job, Pods, Now) = (job, pods, now);
        Status = status ?? [];
        Active = [.. pods.Where(p => p.IsActive())];
        Ready = Active.Count(p => p.IsReady());
        Terminating = pods.Count(p => p.IsTerminating());
        foreach (var uid in Status["uncountedTerminatedPods"]?["succeeded"] as JsonArray ?? []) UncountedSucceeded.Add((string)uid!);
        foreach (var uid in Status["uncountedTerminatedPods"]?["failed"] as JsonArray ?? []) UncountedFailed.Add((string)uid!);
        var newSucceeded = NewlyFinished(UncountedSucceeded, p => p.Status?.Phase == "Succeeded");
        var newFailed = NewlyFinished(UncountedFailed, p => p.HasFailedFor(job));
        Succeeded = (int)Status.Number("succeeded") + newSucceeded.Count + UncountedSucceeded.Count;
        Failed = (int)Status.Number("failed") + UncountedFailed.Count + newFailed.Count(p => PodFailurePolicy.Decide(job.Spec.PodFailurePolicy, p).IsCounted);
        BackOff = backOff.After(newSucceeded, newFailed);
        StartedAt = (string?)Status["startTime"] is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) : IsSuspended ? null : now;
        if (job.IsIndexed()) ReadIndexes();
    }

    public V1Job Job { get; }
    public IReadOnlyList<V1Pod> Pods { get; }
    public DateTimeOffset Now { get; }

    /// <summary>As it is stored.</summary>
    public JsonObject Status { get; }

    public bool IsSuspended => Job.Spec.Suspend == true;
    public int Completions => Job.Spec.Completions ?? 0;

    /// <summary>Null: not yet.</summary>
    public DateTimeOffset? StartedAt { get; }

    public List<V1Pod> Active { get; }
    public int Ready { get; }
    public int Terminating { get; }

    /// <summary>Uids that the status names and its numbers do not hold yet.</summary>
    public HashSet<string> UncountedSucceeded { get; } = [];
    public HashSet<string> UncountedFailed { get; } = [];

    /// <summary>All that have, counted already or not. Of an Indexed Job: how many indexes.</summary>
    public int Succeeded { get; private set; }
    public int Failed { get; }

    /// <summary>With the failures that are new.</summary>
    public JobBackOff BackOff { get; }

    public IndexSet CountedIndexes { get; private set; } = IndexSet.Empty;
    public IndexSet SucceededIndexes { get; private set; } = IndexSet.Empty;

    /// <summary>Null: its indexes have no limit of their own.</summary>
    public IndexSet? FailedIndexes { get; private set; }

    /// <summary>The last failed Pod of each index that waits for its successor: it stays until that carries its count on.</summary>
    public Dictionary<int, V1Pod> Replaced { get; private set; } = [];

    public bool IsOwnIndex(V1Pod pod) => pod.IndexOf() is { } index && index < Completions;

    /// <summary>The condition, while it is true.</summary>
    public JsonObject? Condition(string type) => Status.Condition(type) is { } condition && (string?)condition["status"] == "True" ? condition : null;

    /// <summary>Tracked Pods in a final state that are not in the status yet.</summary>
    private List<V1Pod> NewlyFinished(HashSet<string> uncounted, Func<V1Pod, bool> isFinished) =>
        [.. Pods.Where(p => p.IsTracked() && !uncounted.Contains(p.Metadata.Uid) && (!Job.IsIndexed() || IsOwnIndex(p)) && isFinished(p))];

    private void ReadIndexes()
    {
        CountedIndexes = IndexSet.Parse((string?)Status["completedIndexes"], Completions);
        SucceededIndexes = CountedIndexes.With(Pods.Where(p => p.Status?.Phase == "Succeeded" && p.IsTracked() && IsOwnIndex(p)).Select(p => p.IndexOf()!.Value));
        Succeeded = SucceededIndexes.Count;
        if (Job.Spec.BackoffLimitPerIndex is not { } perIndex) return;
        FailedIndexes = IndexSet.Parse((string?)Status["failedIndexes"], Completions)
            .With(Pods.Where(p => p.IsTracked() && IsOwnIndex(p) && FailsIndex(p, perIndex)).Select(p => p.IndexOf()!.Value));
        Replaced = WaitingForSuccessor();
    }

    private bool FailsIndex(V1Pod pod, int perIndex)
    {
        if (!pod.HasFailedFor(Job)) return false;
        var verdict = PodFailurePolicy.Decide(Job.Spec.PodFailurePolicy, pod);
        return verdict.FailsIndex || (verdict.IsCounted && pod.FailuresOfIndex() >= perIndex);
    }

    private Dictionary<int, V1Pod> WaitingForSuccessor()
    {
        var activeIndexes = Active.Select(p => p.IndexOf()).OfType<int>().ToHashSet();
        var waiting = new Dictionary<int, V1Pod>();
        foreach (var pod in Pods)
        {
            if (!pod.IsTracked() || !IsOwnIndex(pod) || !pod.HasFailedFor(Job)) continue;
            var index = pod.IndexOf()!.Value;
            if (SucceededIndexes.Contains(index) || FailedIndexes!.Contains(index) || activeIndexes.Contains(index)) continue;
            if (!waiting.TryGetValue(index, out var known)
                || (known.AllFailuresOfIndex() <= pod.AllFailuresOfIndex() && JobBackOff.FinishedAt(pod) >= JobBackOff.FinishedAt(known))) waiting[index] = pod;
        }
        return waiting;
    }
}
