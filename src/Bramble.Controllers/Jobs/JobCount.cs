using System.Text.Json.Nodes;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>Counts the Pods that ended (KEP-2307): their uids go into the status, then their finalizers go, then the numbers rise. A crash between any two steps
/// loses nothing. Pure: works on the status that is to be written.</summary>
internal sealed class JobCount
{
    /// <summary>Uids in the status at once: it stays below 20 KB.</summary>
    private const int UncountedMax = 500;

    private readonly JobView _view;
    private readonly JobVerdict? _verdict;
    private readonly JsonObject _status;
    private readonly HashSet<string> _succeeded;
    private readonly HashSet<string> _failed;
    private readonly List<int> _indexes = [];

    /// <summary>Counts what has lost its finalizer, and notes what may lose it now.</summary>
    /// <param name="status">Gets the numbers, uids and indexes.</param>
    public JobCount(JobView view, JobVerdict? verdict, JsonObject status)
    {
        (_view, _verdict, _status) = (view, verdict, status);
        (_succeeded, _failed) = ([.. view.UncountedSucceeded], [.. view.UncountedFailed]);
        Released(view.Pods.Where(p => p.IsTracked()).Select(p => p.Metadata.Uid).ToHashSet(StringComparer.Ordinal));
        foreach (var pod in view.Job.IsIndexed() ? view.Pods.OrderBy(p => p.IndexOf() ?? -1) : (IEnumerable<V1Pod>)view.Pods)
        {
            if (!pod.IsTracked() || !MayRelease(pod)) continue;
            Releasing.Add(pod);
            Note(pod);
            IsFull = _indexes.Count + _succeeded.Count + _failed.Count >= UncountedMax;
            if (IsFull) break;      // its being written brings the Job back for the rest
        }
        WriteUncounted();
        if (!view.Job.IsIndexed()) return;
        var succeeded = view.CountedIndexes.With(_indexes);
        status.Remove("succeeded");
        status.Remove("completedIndexes");
        status.Count("succeeded", succeeded.Count);
        if (succeeded.Count > 0) status["completedIndexes"] = succeeded.ToString();
        if (view.FailedIndexes is not null) status["failedIndexes"] = view.FailedIndexes.ToString();
    }

    /// <summary>Pods whose finalizers go when the status is written.</summary>
    public List<V1Pod> Releasing { get; } = [];

    /// <summary>There are more than go into one status.</summary>
    public bool IsFull { get; }

    /// <summary>Nothing is left to be counted.</summary>
    public bool IsDone => !IsFull && _succeeded.Count + _failed.Count == 0;

    /// <summary>The numbers rise by those that have no finalizer any longer.</summary>
    /// <param name="holding">The uids of those that have.</param>
    public void Released(HashSet<string> holding)
    {
        Move(_succeeded, "succeeded");
        Move(_failed, "failed");
        WriteUncounted();

        void Move(HashSet<string> uncounted, string field)
        {
            var counted = uncounted.RemoveWhere(uid => !holding.Contains(uid));
            if (counted > 0) _status[field] = _status.Number(field) + counted;
        }
    }

    private bool MayRelease(V1Pod pod)
    {
        if (_view.Job.Metadata.DeletionTimestamp is not null || _verdict is not null || pod.Status?.Phase == "Succeeded") return true;
        return pod.HasFailedFor(_view.Job) && !(pod.IndexOf() is { } index && _view.Replaced.GetValueOrDefault(index)?.Metadata.Uid == pod.Metadata.Uid);
    }

    private void Note(V1Pod pod)
    {
        var (uid, isIndexed) = (pod.Metadata.Uid, _view.Job.IsIndexed());
        if (pod.Status?.Phase == "Succeeded" && !_failed.Contains(uid))
        {
            if (!isIndexed) _succeeded.Add(uid);
            else if (_view.IsOwnIndex(pod) && !_view.CountedIndexes.Contains(pod.IndexOf()!.Value)) _indexes.Add(pod.IndexOf()!.Value);
        }
        else if (pod.HasFailedFor(_view.Job) || _verdict is { IsSuccess: false })
        {
            // A Job that failed counts all that had not ended as failed.
            if ((!isIndexed || _view.IsOwnIndex(pod)) && PodFailurePolicy.Decide(_view.Job.Spec.PodFailurePolicy, pod).IsCounted) _failed.Add(uid);
        }
    }

    private void WriteUncounted()
    {
        var uncounted = new JsonObject();
        if (_succeeded.Count > 0) uncounted["succeeded"] = new JsonArray([.. _succeeded.Select(u => (JsonNode)u)]);
        if (_failed.Count > 0) uncounted["failed"] = new JsonArray([.. _failed.Select(u => (JsonNode)u)]);
        _status["uncountedTerminatedPods"] = uncounted;
    }
}
