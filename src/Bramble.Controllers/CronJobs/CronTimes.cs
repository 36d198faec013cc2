using Bramble.Api.Schedules;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.CronJobs;

/// <summary>Which start of a CronJob is due.</summary>
/// <param name="DueAt">The newest start that was not made yet; null: none.</param>
/// <param name="IsMuchMissed">More than 100 starts were missed: a clock was wrong, or the server was off for long.</param>
internal readonly record struct DueStart(DateTimeOffset From, DateTimeOffset? DueAt, bool HasMissed, bool IsMuchMissed);

internal static class CronTimes
{
    /// <summary>Clocks drift: a look a little late finds the start due.</summary>
    private static readonly TimeSpan Padding = TimeSpan.FromMilliseconds(100);

    /// <returns>Null: the schedule never comes (31 February).</returns>
    public static DueStart? Due(V1CronJob job, CronSchedule schedule, DateTimeOffset now, bool countsDeadline)
    {
        var from = KubeTime.Utc(job.Status?.LastScheduleTime ?? job.Metadata.CreationTimestamp) ?? now;
        // What missed its deadline is not started any more.
        if (countsDeadline && job.Spec.StartingDeadlineSeconds is { } seconds && now.AddSeconds(-seconds) > from) from = now.AddSeconds(-seconds);
        if (schedule.Next(from) is not { } first || schedule.Next(first) is not { } second) return null;
        if (now < first) return new DueStart(from, null, false, false);
        if (now < second) return new DueStart(from, first, false, false);

        // Roughly how many were missed: from there the newest is looked for, so that a clock 50 years off costs nothing.
        var period = (long)(second - first).TotalSeconds;
        var missed = ((long)(now - first).TotalSeconds / period) + 1;
        DateTimeOffset? newest = null;
        for (var at = schedule.Next(first.AddSeconds((missed - 2) * period)); at is { } start && start <= now; at = schedule.Next(start)) newest = start;
        return new DueStart(from, newest, true, missed > 100);
    }

    /// <summary>How long until the next start is to be looked at.</summary>
    public static TimeSpan Wait(V1CronJob job, CronSchedule schedule, DateTimeOffset now)
    {
        var from = now;
        if (Due(job, schedule, now, countsDeadline: false) is { } due) from = due.DueAt ?? (due.HasMissed ? now : due.From);
        return (schedule.Next(from) ?? now.AddDays(1)) + Padding - now;
    }
}
