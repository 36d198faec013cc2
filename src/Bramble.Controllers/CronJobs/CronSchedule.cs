using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Bramble.Controllers.CronJobs;

/// <summary>When a cron expression is due, as the parser and clock of upstream (robfig/cron's standard one) have it: five fields or <c>@daily</c> and the like
/// or <c>@every 1h30m</c>; where both the day of the month and the day of the week are given, either will do. Immutable.</summary>
internal sealed partial class CronSchedule
{
    private static readonly string[] Months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    private static readonly string[] Days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    private readonly TimeSpan? _every;
    private readonly TimeZoneInfo _zone;
    private readonly ulong _minutes, _hours, _daysOfMonth, _months, _daysOfWeek;
    private readonly bool _isAnyDayOfMonth, _isAnyDayOfWeek;

    private CronSchedule(string[] fields, TimeZoneInfo zone)
    {
        _zone = zone;
        _minutes = Bits(fields[0], 0, 59, [], out _);
        _hours = Bits(fields[1], 0, 23, [], out _);
        _daysOfMonth = Bits(fields[2], 1, 31, [], out _isAnyDayOfMonth);
        _months = Bits(fields[3], 1, 12, Months, out _);
        _daysOfWeek = Bits(fields[4], 0, 6, Days, out _isAnyDayOfWeek);
    }

    private CronSchedule(TimeSpan every, TimeZoneInfo zone)
    {
        _zone = zone;
        _every = every < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : new TimeSpan(every.Ticks / TimeSpan.TicksPerSecond * TimeSpan.TicksPerSecond);
    }

    /// <exception cref="FormatException">No schedule; validation lets none through, but objects of an older server may hold one.</exception>
    public static CronSchedule Parse(string text, TimeZoneInfo zone)
    {
        text = text.Trim();
        if (text.StartsWith("TZ=", StringComparison.Ordinal) || text.StartsWith("CRON_TZ=", StringComparison.Ordinal))
        {
            var space = text.IndexOf(' ');
            if (space < 0) throw new FormatException("no schedule after the time zone");
            var name = text[(text.IndexOf('=') + 1)..space];
            if (!TimeZoneInfo.TryFindSystemTimeZoneById(name, out var named)) throw new FormatException($"unknown time zone {name}");
            return Parse(text[space..], named);
        }
        if (text.StartsWith("@every ", StringComparison.Ordinal)) return new CronSchedule(Duration(text["@every ".Length..]), zone);
        text = text switch
        {
            "@yearly" or "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" or "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => text,
        };
        var fields = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return fields.Length == 5 ? new CronSchedule(fields, zone) : throw new FormatException($"expected exactly 5 fields, found {fields.Length}");
    }

    /// <summary>The first time after <paramref name="after"/>; null: none in the next five years (31 February).</summary>
    public DateTimeOffset? Next(DateTimeOffset after)
    {
        if (_every is { } span) return new DateTimeOffset(after.UtcTicks / TimeSpan.TicksPerSecond * TimeSpan.TicksPerSecond, TimeSpan.Zero) + span;
        var at = new DateTimeOffset(after.UtcTicks / TimeSpan.TicksPerMinute * TimeSpan.TicksPerMinute, TimeSpan.Zero).AddMinutes(1);
        var limit = at.AddYears(5);
        while (at <= limit)
        {
            // Each step goes to the next moment at which the field that did not fit changes. What the clock skips in spring is skipped.
            var local = TimeZoneInfo.ConvertTime(at, _zone);
            if (!Has(_months, local.Month)) at = StartOf(new DateTime(local.Year, local.Month, 1).AddMonths(1));
            else if (!IsDay(local)) at = StartOf(local.Date.AddDays(1));
            else if (!Has(_hours, local.Hour)) at = at.AddMinutes(60 - local.Minute);
            else if (!Has(_minutes, local.Minute)) at = at.AddMinutes(1);
            else return at;
        }
        return null;
    }

    private static bool Has(ulong bits, int value) => (bits >> value & 1) != 0;

    private bool IsDay(DateTimeOffset local)
    {
        var dom = Has(_daysOfMonth, local.Day);
        var dow = Has(_daysOfWeek, (int)local.DayOfWeek);
        return _isAnyDayOfMonth || _isAnyDayOfWeek ? dom && dow : dom || dow;
    }

    private DateTimeOffset StartOf(DateTime date)
    {
        while (_zone.IsInvalidTime(date)) date = date.AddMinutes(30);      // zones whose clocks change at midnight
        var offset = _zone.IsAmbiguousTime(date) ? _zone.GetAmbiguousTimeOffsets(date).Max() : _zone.GetUtcOffset(date);
        return new DateTimeOffset(date, offset).ToUniversalTime();
    }

    private static ulong Bits(string field, int min, int max, string[] words, out bool isAny)
    {
        ulong bits = 0;
        isAny = false;
        foreach (var part in field.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var steps = part.Split('/');
            var bounds = steps[0].Split('-');
            int first, last;
            if (bounds[0] is "*" or "?")
            {
                (first, last) = (min, max);
            }
            else
            {
                first = Number(bounds[0], words, min);
                last = bounds.Length > 1 ? Number(bounds[1], words, min) : steps.Length > 1 ? max : first;
            }
            var step = steps.Length > 1 ? Number(steps[1], [], 0) : 1;
            // A star with the step 1 is still any.
            isAny |= bounds[0] is "*" or "?" && step == 1;
            if (first < min || last > max || first > last || step < 1) throw new FormatException($"{part} is outside {min}-{max}");
            for (var i = first; i <= last; i += step) bits |= 1UL << i;
        }
        return BitOperations.PopCount(bits) > 0 ? bits : throw new FormatException("empty field");
    }

    private static int Number(string text, string[] words, int first)
    {
        var word = Array.IndexOf(words, text.ToLowerInvariant());
        return word >= 0 ? first + word : int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    private static TimeSpan Duration(string text)
    {
        if (!DurationForm().IsMatch(text)) throw new FormatException($"{text} is no duration");
        var total = TimeSpan.Zero;
        foreach (Match part in DurationPart().Matches(text))
        {
            var number = double.Parse(part.Groups[1].Value, CultureInfo.InvariantCulture);
            total += part.Groups[2].Value switch
            {
                "h" => TimeSpan.FromHours(number),
                "m" => TimeSpan.FromMinutes(number),
                "s" => TimeSpan.FromSeconds(number),
                "ms" => TimeSpan.FromMilliseconds(number),
                _ => TimeSpan.Zero,     // micro- and nanoseconds: less than the second that counts
            };
        }
        return total;
    }

    [GeneratedRegex(@"^\+?(\d+(\.\d*)?(h|ms|m|s|us|µs|ns))+$")]
    private static partial Regex DurationForm();

    [GeneratedRegex(@"(\d+(?:\.\d*)?)(h|ms|m|s|us|µs|ns)")]
    private static partial Regex DurationPart();
}
