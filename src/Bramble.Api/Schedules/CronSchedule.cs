using System.Globalization;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;

namespace Bramble.Api.Schedules;

/// <summary>When a cron expression is due, as upstream's parser and clock (robfig/cron's standard one) have it: five fields or <c>@daily</c> and the like
/// or <c>@every 1h30m</c>; where both the day of the month and the day of the week are given, either will do. Immutable.</summary>
public sealed class CronSchedule
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

    /// <param name="text">May begin with <c>TZ=Europe/Paris</c> or <c>CRON_TZ=</c>, and a blank.</param>
    /// <param name="zone">Whose clock counts when the text names none.</param>
    /// <exception cref="FormatException">No schedule; why, in upstream's words.</exception>
    public static CronSchedule Parse(string text, TimeZoneInfo zone)
    {
        if (text.Length == 0) throw new FormatException("empty spec string");
        if (text.StartsWith("TZ=", StringComparison.Ordinal) || text.StartsWith("CRON_TZ=", StringComparison.Ordinal))
        {
            var space = text.IndexOf(' ');
            if (space < 0) throw new FormatException("invalid schedule format: runtime error: slice bounds out of range [:-1]");
            zone = Zone(text[(text.IndexOf('=') + 1)..space], zone);
            text = text[space..].Trim();
        }
        if (text.StartsWith('@')) return Descriptor(text, zone);
        var fields = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return fields.Length == 5 ? new CronSchedule(fields, zone) : throw new FormatException($"expected exactly 5 fields, found {fields.Length}: [{string.Join(' ', fields)}]");
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

    private static TimeZoneInfo Zone(string name, TimeZoneInfo local) => name switch
    {
        "" or "UTC" => TimeZoneInfo.Utc,
        "Local" => local,
        _ => TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : throw new FormatException($"provided bad location {name}: unknown time zone {name}"),
    };

    private static CronSchedule Descriptor(string text, TimeZoneInfo zone)
    {
        const string every = "@every ";
        if (text.StartsWith(every, StringComparison.Ordinal))
            return GoDuration.Parse(text[every.Length..]) is { } nanoseconds ? new CronSchedule(TimeSpan.FromTicks(nanoseconds / 100), zone)
                : throw new FormatException($"failed to parse duration {text}: {GoDuration.Error(text[every.Length..])}");
        var fields = text switch
        {
            "@yearly" or "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" or "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => throw new FormatException($"unrecognized descriptor: {text}"),
        };
        return new CronSchedule(fields.Split(' '), zone);
    }

    /// <returns>Zero for a field of commas only: such a schedule never comes.</returns>
    private static ulong Bits(string field, int min, int max, string[] words, out bool isAny)
    {
        ulong bits = 0;
        isAny = false;
        foreach (var range in field.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var steps = range.Split('/');
            var bounds = steps[0].Split('-');
            var isStar = bounds[0] is "*" or "?";
            long first = min, last = max, step = 1;
            if (!isStar)
            {
                first = Number(bounds[0], words, min);
                last = bounds.Length switch
                {
                    1 => first,
                    2 => Number(bounds[1], words, min),
                    _ => throw new FormatException($"too many hyphens: {range}"),
                };
            }
            if (steps.Length > 2) throw new FormatException($"too many slashes: {range}");
            if (steps.Length == 2)
            {
                step = Number(steps[1], [], 0);
                if (bounds.Length == 1) last = max;
            }
            // A star with the step 1 is still any.
            isAny |= isStar && step <= 1;
            if (first < min) throw new FormatException($"beginning of range ({first}) below minimum ({min}): {range}");
            if (last > max) throw new FormatException($"end of range ({last}) above maximum ({max}): {range}");
            if (first > last) throw new FormatException($"beginning of range ({first}) beyond end of range ({last}): {range}");
            if (step == 0) throw new FormatException($"step of range should be a positive number: {range}");
            for (var i = first; i <= last; i += step) bits |= 1UL << (int)i;
        }
        return bits;
    }

    private static long Number(string text, string[] words, int first)
    {
        var word = Array.IndexOf(words, text.ToLowerInvariant());
        if (word >= 0) return first + word;
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            throw new FormatException($"failed to parse int from {text}: strconv.Atoi: parsing {FieldError.Quote(text)}: {(IsNumber(text) ? "value out of range" : "invalid syntax")}");
        return number >= 0 ? number : throw new FormatException($"negative number ({number}) not allowed: {text}");
    }

    private static bool IsNumber(string text) => text.Length > 0 && text.AsSpan(text[0] is '+' or '-' ? 1 : 0) is { Length: > 0 } digits && digits.IndexOfAnyExceptInRange('0', '9') < 0;
}
