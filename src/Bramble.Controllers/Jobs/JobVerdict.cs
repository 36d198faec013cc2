namespace Bramble.Controllers.Jobs;

/// <summary>That a Job is over, or about to be: the type, reason and message of its condition. Pure.</summary>
/// <param name="Type">FailureTarget or SuccessCriteriaMet: it is told first what it is going to be; Failed: that it is going to fail was told before.</param>
internal sealed record JobVerdict(string Type, string Reason, string Message)
{
    public const string Success = "SuccessCriteriaMet";
    private const string Failure = "FailureTarget";

    public bool IsSuccess => Type == Success;

    /// <summary>What the Job is when all its Pods are counted.</summary>
    public JobVerdict Final => this with { Type = IsSuccess ? "Complete" : "Failed" };

    /// <returns>Null: it goes on.</returns>
    public static JobVerdict? Decide(JobView view) => Known(view) ?? Failed(view) ?? OfDeadline(view) ?? OfIndexes(view);

    /// <summary>Of a Job without a verdict, when its Pods are as it wants them.</summary>
    /// <param name="active">How many are left.</param>
    public static JobVerdict? AfterPods(JobView view, int active) =>
        active == 0 && (view.Job.Spec.Completions is { } completions ? view.Succeeded >= completions : view.Succeeded > 0) ? new(Success, "CompletionsReached", "Reached expected number of succeeded pods") : null;

    /// <summary>How long it may run still; null: as long as it likes, or it does not run.</summary>
    public static TimeSpan? DeadlineIn(JobView view) =>
        view.Job.Spec.ActiveDeadlineSeconds is { } seconds && !view.IsSuspended && view.StartedAt is { } started ? started.AddSeconds(seconds) - view.Now : null;

    /// <summary>What was told once stays so.</summary>
    private static JobVerdict? Known(JobView view)
    {
        if (view.Condition(Success) is { } met) return new(Success, (string?)met["reason"] ?? "", (string?)met["message"] ?? "");
        return view.Condition(Failure) is { } target ? new("Failed", (string?)target["reason"] ?? "", (string?)target["message"] ?? "") : null;
    }

    private static JobVerdict? Failed(JobView view)
    {
        if (view.Job.Spec.PodFailurePolicy is { } policy)
            foreach (var pod in view.Pods)
                if (pod.HasFailedFor(view.Job) && PodFailurePolicy.Decide(policy, pod).FailJobMessage is { } why) return new(Failure, "PodFailurePolicy", why);
        var limit = view.Job.Spec.BackoffLimit ?? 6;
        return view.Failed > limit || HasRestartedTooOften(view, limit) ? new(Failure, "BackoffLimitExceeded", "Job has reached the specified backoff limit") : null;
    }

    /// <summary>Pods with restartPolicy OnFailure fail inside: their containers' restarts count instead.</summary>
    private static bool HasRestartedTooOften(JobView view, int limit)
    {
        if (view.Job.Spec.Template.Spec.RestartPolicy != "OnFailure") return false;
        var restarts = view.Pods.Where(p => p.Status?.Phase is "Running" or "Pending")
            .Sum(p => (p.Status.ContainerStatuses ?? []).Concat(p.Status.InitContainerStatuses ?? []).Sum(c => c.RestartCount));
        return limit == 0 ? restarts > 0 : restarts >= limit;
    }

    private static JobVerdict? OfDeadline(JobView view) => DeadlineIn(view) <= TimeSpan.Zero ? new(Failure, "DeadlineExceeded", "Job was active longer than specified deadline") : null;

    private static JobVerdict? OfIndexes(JobView view)
    {
        if (!view.Job.IsIndexed()) return null;
        if (view.FailedIndexes is { Count: > 0 } failed)
        {
            if (view.Job.Spec.MaxFailedIndexes is { } most && failed.Count > most) return new(Failure, "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
            if (failed.Count + view.SucceededIndexes.Count >= view.Completions) return new(Failure, "FailedIndexes", "Job has failed indexes");
        }
        return SuccessPolicy.Decide(view.Job.Spec.SuccessPolicy, view.Completions, view.SucceededIndexes) is { } message ? new(Success, "SuccessPolicy", message) : null;
    }
}
