using System.Globalization;

namespace Bramble.Api.Cel;

/// <summary>The parts of timestamps and durations.</summary>
internal static class CelTimes
{
    public static object? Call(string function, object?[] a) => a switch
    {
        [CelDuration duration] => function switch
        {
            "getHours" => duration.Nanos / 3_600_000_000_000,
            "getMinutes" => duration.Nanos / 60_000_000_000,
            "getSeconds" => duration.Nanos / 1_000_000_000,
            "getMilliseconds" => duration.Nanos / 1_000_000,
            _ => null,
        },
        [CelTimestamp time] => Part(function, time, DateTimeOffset.FromUnixTimeSeconds(time.Seconds).UtcDateTime),
        [CelTimestamp time, string zone] => InZone(time, zone, out var error) is { } local ? Part(function, time, local) : new CelFault(error),
        _ => null,
    };

    private static object? Part(string function, CelTimestamp time, DateTime local) => function switch
    {
        "getFullYear" => (long)local.Year,
        "getMonth" => local.Month - 1L,
        "getDayOfYear" => local.DayOfYear - 1L,
        "getDayOfMonth" => local.Day - 1L,
        "getDate" => (long)local.Day,
        "getDayOfWeek" => (long)local.DayOfWeek,
        "getHours" => (long)local.Hour,
        "getMinutes" => (long)local.Minute,
        "getSeconds" => (long)local.Second,
        "getMilliseconds" => time.Nanos / 1_000_000L,
        _ => null,
    };

    private static DateTime? InZone(CelTimestamp time, string zone, out string error)
    {
        error = $"unknown time zone {zone}";
        var utc = DateTimeOffset.FromUnixTimeSeconds(time.Seconds).UtcDateTime;
        var colon = zone.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0)
        {
            if (!int.TryParse(zone.AsSpan(0, colon), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var hours)) return Bad(zone[..colon], out error);
            if (!int.TryParse(zone.AsSpan(colon + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var minutes)) return Bad(zone[(colon + 1)..], out error);
            var offset = hours * 60L + (zone[0] == '-' ? -minutes : minutes);
            return Math.Abs(offset) > 24 * 60 * 365 ? null : Shifted(utc, TimeSpan.FromMinutes(offset));
        }
        if (zone is "" or "UTC") return utc;
        return TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) ? Shifted(utc, found.GetUtcOffset(utc)) : null;
    }

    /// <summary>At the ends of time the zone does not matter.</summary>
    private static DateTime Shifted(DateTime utc, TimeSpan offset)
    {
        var ticks = utc.Ticks + offset.Ticks;
        return ticks < DateTime.MinValue.Ticks || ticks > DateTime.MaxValue.Ticks ? utc : new DateTime(ticks);
    }

    private static DateTime? Bad(string text, out string error)
    {
        error = $"strconv.Atoi: parsing {Errors.FieldError.Quote(text)}: invalid syntax";
        return null;
    }
}
