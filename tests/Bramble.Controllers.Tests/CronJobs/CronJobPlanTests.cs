using System.Globalization;
using Bramble.Controllers.CronJobs;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.CronJobs;

/// <summary>The CronJobs were made at noon on Monday the 1st, and start at each full hour if they do not say otherwise.</summary>
public sealed class CronJobPlanTests
{
    /// <param name="fields">Of the spec.</param>
    /// <param name="status">Its last start, and the Jobs that run: "12:00 a b".</param>
    /// <param name="expected">What is told, what is started, when it is looked at again.</param>
    [Theory]
    [InlineData("not yet", "", "", "12:59:59", "again 00:00:01.1")]
    [InlineData("it is time", "", "", "13:00:00", "start c-28401900 at 13:00 +00:00, again 01:00:00.1")]
    [InlineData("late, but nothing says how late is too late", "", "", "13:59:00", "start c-28401900 at 13:00 +00:00, again 00:01:00.1")]
    [InlineData("too late", "\"startingDeadlineSeconds\":60", "", "13:01:01", "again 00:58:59.1")]
    [InlineData("just in time", "\"startingDeadlineSeconds\":60", "", "13:00:59", "start c-28401900 at 13:00 +00:00, again 00:59:01.1")]
    [InlineData("it is suspended", "\"suspend\":true", "", "13:00:00", "")]
    [InlineData("it was started", "", "13:00", "13:00:01", "again 00:59:59.1")]
    [InlineData("it was started, and its status lags", "", " c-28401900", "13:00:01", "again 00:59:59.1")]
    [InlineData("others run beside it", "", "12:00 other", "13:00:00", "start c-28401900 at 13:00 +00:00, again 01:00:00.1")]
    [InlineData("others are replaced", "\"concurrencyPolicy\":\"Replace\"", "12:00 other", "13:00:00", "start c-28401900 at 13:00 +00:00, again 01:00:00.1")]
    [InlineData("others keep it from starting", "\"concurrencyPolicy\":\"Forbid\"", "12:00 other", "13:00:00",
        "Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid, again 01:00:00.1")]
    [InlineData("none runs any more", "\"concurrencyPolicy\":\"Forbid\"", "12:00", "13:00:00", "start c-28401900 at 13:00 +00:00, again 01:00:00.1")]
    // The machine's zone is half an hour off: what is due at 12:30 UTC is told in UTC.
    [InlineData("in the machine's zone", "", "", "12:30:00", "start c-28401870 at 12:30 +00:00, again 01:00:00.1", "Asia/Kolkata")]
    [InlineData("in its own, whatever the machine's", "\"timeZone\":\"Etc/UTC\"", "", "12:59:59", "again 00:00:01.1", "Asia/Kolkata")]
    [InlineData("two zones", "\"timeZone\":\"Etc/UTC\",\"schedule\":\"TZ=UTC 0 * * * *\"", "", "13:00:00",
        "Warning UnsupportedSchedule: CRON_TZ or TZ used in schedule \"TZ=UTC 0 * * * *\" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details, "
        + "Warning UnparseableSchedule: unparseable schedule: \"TZ=UTC 0 * * * *\" : expected exactly 5 fields, found 6: [TZ=UTC 0 * * * *]")]
    [InlineData("in its zone", "\"timeZone\":\"Asia/Kolkata\"", "", "12:30:00", "start c-28401870 at 18:00 +05:30, again 01:00:00.1")]
    [InlineData("a zone that nobody knows", "\"timeZone\":\"Mars/Base\"", "", "13:00:00", "Warning UnknownTimeZone: invalid timeZone: \"Mars/Base\": unknown time zone Mars/Base")]
    [InlineData("no schedule", "\"schedule\":\"hourly\"", "", "13:00:00", "Warning UnparseableSchedule: unparseable schedule: \"hourly\" : expected exactly 5 fields, found 1: [hourly]")]
    [InlineData("a schedule that never comes", "\"schedule\":\"0 0 31 2 *\"", "", "13:00:00", "Warning InvalidSchedule: invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second")]
    [InlineData("a zone in the schedule", "\"schedule\":\"TZ=UTC 0 * * * *\"", "", "13:00:00",
        "Warning UnsupportedSchedule: CRON_TZ or TZ used in schedule \"TZ=UTC 0 * * * *\" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details, "
        + "start c-28401900 at 13:00 +00:00, again 01:00:00.1")]
    public void Decide(string because, string fields, string status, string now, string expected, string local = "UTC")
    {
        Assert.NotEmpty(because);
        var (last, active) = status.Split(' ') is [var at, .. var names] ? (at, names) : ("", []);
        var cron = Model<V1CronJob>($$$"""
            {"metadata":{"name":"c","creationTimestamp":"2024-01-01T12:00:00Z"},"spec":{ {{{(fields.Contains("schedule\"") ? "" : "\"schedule\":\"0 * * * *\"")}}}{{{(fields.Length == 0 ? "" : fields.Contains("schedule\"") ? fields : "," + fields)}}} },
             "status":{ {{{(last.Length == 0 ? "" : $"\"lastScheduleTime\":\"2024-01-01T{last}:00Z\"")}}} } }
            """);
        var plan = CronJobPlan.Decide(cron, active, DateTimeOffset.Parse($"2024-01-01T{now}Z", CultureInfo.InvariantCulture), TimeZoneInfo.FindSystemTimeZoneById(local));
        List<string> decided = [.. plan.Told.Select(t => $"{t.Type} {t.Reason}: {t.Message}")];
        if (plan.Start is { } start) decided.Add($"start {CronJobPlan.JobName("c", start)} at {start.ToString("HH:mm zzz", CultureInfo.InvariantCulture)}");
        if (plan.Next.Delay is { } delay) decided.Add($"again {delay.ToString("hh':'mm':'ss'.'f", CultureInfo.InvariantCulture)}");
        Assert.Equal(expected, string.Join(", ", decided));
    }

    /// <param name="jobs">Their names, C for complete, F for failed, R for running, and the hour at which they started: "aC1".</param>
    [Theory]
    [InlineData("the oldest beyond the limit", 2, 1, "aC3 bC1 cC2 dC4", "b c")]
    [InlineData("failed ones have a limit of their own", 2, 1, "aF1 bF2 cC1 dC2", "a")]
    [InlineData("none is kept", 0, 0, "aC1 bF1 cR1", "a b")]
    [InlineData("no limit", null, null, "aC1 bC2 cC3 dF1 eF2 fF3", "")]
    [InlineData("of one moment by the name", 1, 1, "bC1 aC1", "a")]
    [InlineData("one that never started is the newest", 1, 1, "aC bC1", "b")]
    public void Finished_ones_beyond_the_limits(string because, int? successful, int? failed, string jobs, string expected)
    {
        Assert.NotEmpty(because);
        var cron = new V1CronJob { Spec = new V1CronJobSpec { SuccessfulJobsHistoryLimit = successful, FailedJobsHistoryLimit = failed } };
        var children = jobs.Split(' ').Select(j => new V1Job
        {
            Metadata = new V1ObjectMeta { Name = j[..1] },
            Status = new V1JobStatus
            {
                StartTime = j.Length > 2 ? new DateTime(2024, 1, 1, j[2] - '0', 0, 0, DateTimeKind.Utc) : null,
                Conditions = j[1] == 'R' ? [] : [new V1JobCondition { Type = j[1] == 'C' ? "Complete" : "Failed", Status = "True" }],
            },
        }).ToList();
        Assert.Equal(expected, string.Join(' ', CronJobPlan.Expired(cron, children).Select(j => j.Metadata.Name)));
    }
}
