using System.Globalization;
using Bramble.Api.Schedules;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Jobs;
using k8s.Models;

namespace Bramble.Controllers.CronJobs;

/// <summary>What a CronJob is to do now. Pure.</summary>
/// <param name="Told">Events about it.</param>
/// <param name="Start">When the Job was due that is to be started, in the zone that the CronJob names, else in UTC; null: none.</param>
/// <param name="Next">When to look again.</param>
internal sealed record CronJobPlan(IReadOnlyList<CronJobEvent> Told, DateTimeOffset? Start, Requeue Next)
{
    /// <param name="active">The Jobs that run, by name.</param>
    /// <param name="local">The machine's zone, which counts for CronJobs that name none.</param>
    public static CronJobPlan Decide(V1CronJob cron, IReadOnlyCollection<string> active, DateTimeOffset now, TimeZoneInfo local)
    {
        // The annotation of a Job whose CronJob names no zone is in UTC.
        var shown = TimeZoneInfo.Utc;
        if (cron.Spec.TimeZone is { Length: > 0 } zoneName && !TimeZoneInfo.TryFindSystemTimeZoneById(zoneName, out shown!))
            return new([new("Warning", "UnknownTimeZone", $"invalid timeZone: \"{zoneName}\": unknown time zone {zoneName}")], null, Requeue.Never);
        if (cron.Spec.Suspend == true) return new([], null, Requeue.Never);
        List<CronJobEvent> told = [];
        if (cron.Spec.Schedule.Contains("TZ", StringComparison.Ordinal))
            told.Add(new("Warning", "UnsupportedSchedule",
                $"CRON_TZ or TZ used in schedule \"{cron.Spec.Schedule}\" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"));
        CronSchedule schedule;
        try
        {
            schedule = ScheduleOf(cron.Spec, local);
        }
        catch (FormatException e)
        {
            return new([.. told, new("Warning", "UnparseableSchedule", $"unparseable schedule: \"{cron.Spec.Schedule}\" : {e.Message}")], null, Requeue.Never);
        }
        if (CronTimes.Due(cron, schedule, now, countsDeadline: true) is not { } due)
            return new([.. told, new("Warning", "InvalidSchedule", $"invalid schedule: {cron.Spec.Schedule} : time difference between two schedules is less than 1 second")], null, Requeue.Never);

        var next = Requeue.After(CronTimes.Wait(cron, schedule, now));
        if (due.DueAt is not { } at) return new(told, null, next);
        if (due.IsMuchMissed) told.Add(new("Warning", "TooManyMissedTimes", "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"));
        if (cron.Spec.StartingDeadlineSeconds is { } seconds && at.AddSeconds(seconds) < now)
        {
            told.Add(new("Warning", "MissSchedule", $"Missed scheduled time to start a job: {at.UtcDateTime.ToString("ddd, dd MMM yyyy HH:mm:ss '+0000'", CultureInfo.InvariantCulture)}"));
            return new(told, null, next);
        }
        if (active.Contains(JobName(cron.Metadata.Name, at)) || KubeTime.Utc(cron.Status?.LastScheduleTime) == at) return new(told, null, next);
        if (cron.Spec.ConcurrencyPolicy == "Forbid" && active.Count > 0)
        {
            told.Add(new("Normal", "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid"));
            return new(told, null, next);
        }
        return new(told, TimeZoneInfo.ConvertTime(at, shown), next);
    }

    /// <exception cref="FormatException">It has none.</exception>
    public static CronSchedule ScheduleOf(V1CronJobSpec spec, TimeZoneInfo local) => CronSchedule.Parse(spec.TimeZone is null ? spec.Schedule : $"TZ={spec.TimeZone} {spec.Schedule}", local);

    /// <summary>It holds the minute it was due, so that none is started twice.</summary>
    public static string JobName(string cronJob, DateTimeOffset at) => $"{cronJob}-{(at.ToUnixTimeSeconds() / 60).ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Finished Jobs beyond the history limits, the oldest first. One that is going already counts and is told again: somebody who removes one by hand
    /// keeps as many as the limit says, not one more.</summary>
    public static IEnumerable<V1Job> Expired(V1CronJob cron, IReadOnlyCollection<V1Job> children)
    {
        foreach (var (end, limit) in ((string, int?)[])[("Complete", cron.Spec.SuccessfulJobsHistoryLimit), ("Failed", cron.Spec.FailedJobsHistoryLimit)])
        {
            if (limit is not { } most) continue;
            var finished = children.Where(j => JobController.EndOf(j)?.Type == end)
                .OrderBy(j => j.Status.StartTime ?? DateTime.MaxValue).ThenBy(j => j.Metadata.Name, StringComparer.Ordinal).ToList();
            foreach (var job in finished.Take(Math.Max(0, finished.Count - most))) yield return job;
        }
    }
}

/// <param name="Type">Normal or Warning.</param>
internal sealed record CronJobEvent(string Type, string Reason, string Message);
