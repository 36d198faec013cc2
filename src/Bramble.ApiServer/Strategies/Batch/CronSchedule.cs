using System.Globalization;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Why a text is no cron schedule, in the words of the parser that upstream uses (robfig/cron's standard parser).</summary>
internal static class CronSchedule
{
    private static readonly (string Name, int Min, int Max, string[] Words)[] Fields =
    [
        ("minute", 0, 59, []),
        ("hour", 0, 23, []),
        ("dom", 1, 31, []),
        ("month", 1, 12, ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
        ("dow", 0, 6, ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
    ];

    public static string? Error(string schedule)
    {
        if (schedule.StartsWith("TZ=", StringComparison.Ordinal) || schedule.StartsWith("CRON_TZ=", StringComparison.Ordinal))
        {
            var space = schedule.IndexOf(' ');
            var zone = schedule[(schedule.IndexOf('=') + 1)..(space < 0 ? schedule.Length : space)];
            if (zone is not ("" or "UTC" or "Local") && !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _)) return $"provided bad location {zone}: unknown time zone {zone}";
            schedule = space < 0 ? "" : schedule[space..].Trim();
        }

        if (schedule.StartsWith('@')) return Descriptor(schedule);
        var parts = schedule.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length != 5) return $"expected exactly 5 fields, found {parts.Length}: [{string.Join(' ', parts)}]";
        for (var i = 0; i < 5; i++)
            foreach (var expression in parts[i].Split(',', StringSplitOptions.RemoveEmptyEntries))
                if (Range(expression, Fields[i].Min, Fields[i].Max, Fields[i].Words) is { } error) return error;
        return null;
    }

    private static string? Descriptor(string text)
    {
        if (text is "@yearly" or "@annually" or "@monthly" or "@weekly" or "@daily" or "@midnight" or "@hourly") return null;
        const string every = "@every ";
        if (text.StartsWith(every, StringComparison.Ordinal))
            return GoDuration.IsValid(text[every.Length..]) ? null : $"failed to parse duration {text}: time: invalid duration {FieldError.Quote(text[every.Length..])}";
        return $"unrecognized descriptor: {text}";
    }

    private static string? Range(string expression, int min, int max, string[] words)
    {
        var steps = expression.Split('/');
        var bounds = steps[0].Split('-');
        long start, end;
        var isSingle = bounds.Length == 1;
        if (bounds[0] is "*" or "?")
        {
            (start, end) = (min, max);
        }
        else
        {
            if (Number(bounds[0], words, min, out start) is { } wrong) return wrong;
            switch (bounds.Length)
            {
                case 1:
                    end = start;
                    break;
                case 2:
                    if (Number(bounds[1], words, min, out end) is { } bad) return bad;
                    break;
                default:
                    return $"too many hyphens: {expression}";
            }
        }

        long step = 1;
        switch (steps.Length)
        {
            case 1:
                break;
            case 2:
                if (Number(steps[1], [], 0, out step) is { } bad) return bad;
                if (isSingle) end = max;
                break;
            default:
                return $"too many slashes: {expression}";
        }

        if (start < min) return $"beginning of range ({start}) below minimum ({min}): {expression}";
        if (end > max) return $"end of range ({end}) above maximum ({max}): {expression}";
        if (start > end) return $"beginning of range ({start}) beyond end of range ({end}): {expression}";
        return step == 0 ? $"step of range should be a positive number: {expression}" : null;
    }

    private static string? Number(string text, string[] words, int first, out long number)
    {
        var word = Array.IndexOf(words, text.ToLowerInvariant());
        if (word >= 0)
        {
            number = first + word;
            return null;
        }

        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number))
            return $"failed to parse int from {text}: strconv.Atoi: parsing {FieldError.Quote(text)}: invalid syntax";
        return number < 0 ? $"negative number ({number}) not allowed: {text}" : null;
    }
}
