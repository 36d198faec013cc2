using System.Globalization;
using Bramble.Controllers.CronJobs;
using Bramble.Controllers.Jobs;

namespace Bramble.Controllers.Tests;

public sealed class CronScheduleTests
{
    public static TheoryData<string, string, string, string?> Cases => new()
    {
        { "each minute", "* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z" },
        { "a step", "*/15 * * * *", "2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z" },
        { "a range with a step", "30 6-16/4 * * 1-5", "2026-01-02T14:30:00Z", "2026-01-05T06:30:00Z" },
        { "either day field will do", "0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z" },
        { "a star by steps of one is any day", "0 0 */1 * 1", "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z" },
        { "a name of a month", "0 0 1 mar *", "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z" },
        { "29 February", "0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z" },
        { "31 February never comes", "0 0 31 2 *", "2026-01-01T00:00:00Z", null },
        { "a duration", "@every 1h30m", "2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z" },
        { "a word", "@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z" },
    };

    [Theory, MemberData(nameof(Cases))]
    public void The_next_time_is(string what, string schedule, string after, string? next)
    {
        Assert.NotEmpty(what);
        var found = CronSchedule.Parse(schedule, TimeZoneInfo.Utc).Next(DateTimeOffset.Parse(after, CultureInfo.InvariantCulture));
        Assert.Equal(next, found?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
    }
}

public sealed class IndexSetTests
{
    [Theory]
    [InlineData("1,3-5,7", 10, "1,3-5,7", 5)]
    [InlineData("1-2", 10, "1,2", 2)]
    [InlineData("3-5,4,6", 10, "3-6", 4)]
    [InlineData("0,7-9", 8, "0,7", 2)]
    [InlineData("x,2", 8, "2", 1)]
    public void Reads_and_writes_as_the_API_does(string text, int completions, string written, int count)
    {
        var set = IndexSet.Parse(text, completions);
        Assert.Equal((written, count), (set.ToString(), set.Count));
    }

    [Fact]
    public void The_first_missing_indexes_skip_what_is_there() => Assert.Equal([0, 2, 6], IndexSet.Parse("1,3-5", 8).FirstMissing(3, 8));
}
