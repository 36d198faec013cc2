using System.Globalization;
using Bramble.Api.Schedules;
using Bramble.Controllers.CronJobs;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.CronJobs;

/// <summary>The CronJobs were made at noon on Monday the 1st.</summary>
public sealed class CronTimesTests
{
    /// <param name="last">Its last start; null: none yet.</param>
    /// <param name="due">The start that is due; null: none. With ", many": more than 100 were missed.</param>
    [Theory]
    [InlineData("not yet", "0 * * * *", null, null, "01T12:59:59", null, "00:00:01.1")]
    [InlineData("just now", "0 * * * *", null, null, "01T13:00:00", "01T13:00", "01:00:00.1")]
    [InlineData("of several that were missed the newest", "0 * * * *", null, null, "01T17:01:00", "01T17:00", "00:59:00.1")]
    [InlineData("since the last one", "*/5 * * * *", "01T12:30:00", null, "01T12:31:00", null, "00:04:00.1")]
    [InlineData("the last one counts, not when it was made", "*/5 * * * *", "01T12:30:00", null, "01T12:36:00", "01T12:35", "00:04:00.1")]
    [InlineData("what missed its deadline is none", "*/5 * * * *", "01T12:30:00", 60, "01T12:37:00", null, "00:03:00.1")]
    [InlineData("within its deadline", "*/5 * * * *", "01T12:30:00", 200, "01T12:37:00", "01T12:35", "00:03:00.1")]
    [InlineData("a schedule with gaps", "30 6-16/4 * * 1-5", "01T14:30:00", null, "02T14:31:00", "02T14:30", "15:59:00.1")]
    [InlineData("over a weekend", "30 6-16/4 * * 1-5", "05T14:30:00", null, "08T06:30:00", "08T06:30", "04:00:00.1")]
    [InlineData("a duration goes on from its last start", "@every 1h", "01T12:01:00", null, "08T12:00:00", "08T11:01, many", "00:01:00.1")]
    [InlineData("31 February", "59 23 31 2 *", null, null, "01T13:00:00", "never", "1.00:00:00.1")]
    public void Which_start_is_due_and_when_to_look_again(string because, string schedule, string? last, int? deadlineSeconds, string now, string? due, string wait)
    {
        Assert.NotEmpty(because);
        var job = Model<V1CronJob>($$$"""
            {"metadata":{"name":"c","creationTimestamp":"2024-01-01T12:00:00Z"},"spec":{"schedule":"{{{schedule}}}"{{{(deadlineSeconds is { } s ? $",\"startingDeadlineSeconds\":{s}" : "")}}} },
             "status":{ {{{(last is null ? "" : $"\"lastScheduleTime\":\"2024-01-{last}Z\"")}}} } }
            """);
        var at = DateTimeOffset.Parse($"2024-01-{now}Z", CultureInfo.InvariantCulture);
        var times = CronSchedule.Parse(schedule, TimeZoneInfo.Utc);
        var found = CronTimes.Due(job, times, at, countsDeadline: true);
        Assert.Equal(due, found is not { } f ? "never" : f.DueAt is { } start ? start.ToString("dd'T'HH:mm", CultureInfo.InvariantCulture) + (f.IsMuchMissed ? ", many" : "") : null);
        Assert.Equal(TimeSpan.Parse(wait, CultureInfo.InvariantCulture), CronTimes.Wait(job, times, at));
    }
}
