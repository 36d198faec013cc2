using System.Globalization;
using Bramble.Api.Schedules;

namespace Bramble.Api.Tests.Schedules;

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

    [Theory]
    [InlineData("0 0 * * ,", null)]     // never, but allowed
    [InlineData("*/2,5-7,?/1 1 1 1 1", null)]
    [InlineData("@every -.5h", null)]
    [InlineData("TZ=Europe/Paris @hourly", null)]
    [InlineData("TZ= * * * * *", null)]
    [InlineData("", "empty spec string")]
    [InlineData("hourly", "expected exactly 5 fields, found 1: [hourly]")]
    [InlineData("* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]")]
    [InlineData(" TZ=UTC * * * * *", "expected exactly 5 fields, found 6: [TZ=UTC * * * * *]")]
    [InlineData("TZ=UTC", "invalid schedule format: runtime error: slice bounds out of range [:-1]")]
    [InlineData("CRON_TZ=Mars/Base * * * * *", "provided bad location Mars/Base: unknown time zone Mars/Base")]
    [InlineData("@never", "unrecognized descriptor: @never")]
    [InlineData("@every day", "failed to parse duration @every day: time: invalid duration \"day\"")]
    [InlineData("60 * * * *", "end of range (60) above maximum (59): 60")]
    [InlineData("* * 0 * *", "beginning of range (0) below minimum (1): 0")]
    [InlineData("9-5 * * * *", "beginning of range (9) beyond end of range (5): 9-5")]
    [InlineData("1-2-3 * * * *", "too many hyphens: 1-2-3")]
    [InlineData("1/2/3 * * * *", "too many slashes: 1/2/3")]
    [InlineData("*/0 * * * *", "step of range should be a positive number: */0")]
    [InlineData("*/-1 * * * *", "negative number (-1) not allowed: -1")]
    [InlineData("-1 * * * *", "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax")]
    [InlineData("* * * Foo *", "failed to parse int from Foo: strconv.Atoi: parsing \"Foo\": invalid syntax")]
    [InlineData("99999999999999999999 * * * *", "failed to parse int from 99999999999999999999: strconv.Atoi: parsing \"99999999999999999999\": value out of range")]
    public void What_is_wrong_with_it(string schedule, string? why) => Assert.Equal(why, Record.Exception(() => CronSchedule.Parse(schedule, TimeZoneInfo.Utc))?.Message);
}
