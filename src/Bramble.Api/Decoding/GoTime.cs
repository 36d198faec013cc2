using System.Globalization;

namespace Bramble.Api.Decoding;

/// <summary>Times as Go reads and writes them: RFC 3339.</summary>
public static class GoTime
{
    private const string Layout = "2006-01-02T15:04:05Z07:00";
    private const string MicroLayout = "2006-01-02T15:04:05.000000Z07:00";

    /// <summary>Reads RFC 3339 and writes it as meta/v1 Time does: whole seconds, UTC.</summary>
    /// <returns>Null with <paramref name="error"/> set to Go's message when the text is not a time; <c>null</c> without error for Go's zero time.</returns>
    public static string? Canonical(string text, out string? error)
    {
        if (IsCanonical(text))
        {
            error = null;
            return text;
        }
        var time = Parse(text, Layout, out error);
        return time is null || time.Value == DateTimeOffset.MinValue ? null : time.Value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    }

    /// <summary>As <see cref="Canonical"/> for meta/v1 MicroTime: six decimals.</summary>
    public static string? CanonicalMicro(string text, out string? error)
    {
        var time = Parse(text, MicroLayout, out error);
        return time is null || time.Value == DateTimeOffset.MinValue
            ? null
            : time.Value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'.'ffffff'Z'", CultureInfo.InvariantCulture);
    }

    // The usual case needs no new string: 2024-01-02T03:04:05Z.
    private static bool IsCanonical(string text) =>
        text.Length == 20 && text[19] == 'Z' && text[4] == '-' && text[10] == 'T'
        && DateTime.TryParseExact(text, "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) && time != DateTime.MinValue;

    private static DateTimeOffset? Parse(string text, string layout, out string? error)
    {
        var isMicro = ReferenceEquals(layout, MicroLayout);
        var rest = text;
        error = null;
        // Walk the layout as Go does, so that the message names the element at which it stopped.
        if (!Take(ref rest, 4, out var year)) return Bad("2006", rest, out error);
        if (!Literal(ref rest, "-")) return Bad("-", rest, out error);
        if (!Take(ref rest, 2, out var month)) return Bad("01", rest, out error);
        if (month is < 1 or > 12) return OutOfRange("month", rest, out error);
        if (!Literal(ref rest, "-")) return Bad("-", rest, out error);
        if (!Take(ref rest, 2, out var day)) return Bad("02", rest, out error);
        if (!Literal(ref rest, "T")) return Bad("T", rest, out error);
        if (!Take(ref rest, 2, out var hour)) return Bad("15", rest, out error);
        if (hour > 23) return OutOfRange("hour", rest, out error);
        if (!Literal(ref rest, ":")) return Bad(":", rest, out error);
        if (!Take(ref rest, 2, out var minute)) return Bad("04", rest, out error);
        if (minute > 59) return OutOfRange("minute", rest, out error);
        if (!Literal(ref rest, ":")) return Bad(":", rest, out error);
        if (!Take(ref rest, 2, out var second)) return Bad("05", rest, out error);
        if (second > 59) return OutOfRange("second", rest, out error);
        long ticks = 0;
        if (isMicro)
        {
            if (rest.Length < 7 || rest[0] != '.' || !rest.AsSpan(1, 6).ContainsOnlyDigits()) return Bad(".000000", rest, out error);
            ticks = long.Parse(rest.AsSpan(1, 6), CultureInfo.InvariantCulture) * TimeSpan.TicksPerMicrosecond;
            rest = rest[7..];
        }
        else if (rest.Length > 1 && rest[0] is '.' or ',' && char.IsAsciiDigit(rest[1]))
        {
            var digits = 1;
            while (digits < rest.Length && char.IsAsciiDigit(rest[digits])) digits++;
            rest = rest[digits..];
        }
        TimeSpan offset;
        if (rest.StartsWith('Z'))
        {
            offset = TimeSpan.Zero;
            rest = rest[1..];
        }
        else
        {
            if (rest.Length < 6 || rest[0] is not ('+' or '-') || rest[3] != ':' || !rest.AsSpan(1, 2).ContainsOnlyDigits() || !rest.AsSpan(4, 2).ContainsOnlyDigits())
                return Bad("Z07:00", rest, out error);
            var hours = int.Parse(rest.AsSpan(1, 2), CultureInfo.InvariantCulture);
            var minutes = int.Parse(rest.AsSpan(4, 2), CultureInfo.InvariantCulture);
            if (hours > 24) return OutOfRange("time zone offset hour", rest, out error);
            if (minutes > 60) return OutOfRange("time zone offset minute", rest, out error);
            offset = new TimeSpan(hours, minutes, 0) * (rest[0] == '-' ? -1 : 1);
            rest = rest[6..];
        }
        if (rest.Length > 0)
        {
            error = $"parsing time {Quote(text)}: extra text: {Quote(rest)}";
            return null;
        }
        if (year is < 1 || day < 1 || day > DateTime.DaysInMonth(year, month)) return OutOfRange("day", rest, out error);
        var local = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Unspecified).AddTicks(ticks);
        return new DateTimeOffset(local.Ticks - offset.Ticks is var utc && utc < 0 ? 0 : utc, TimeSpan.Zero);

        DateTimeOffset? Bad(string element, string at, out string message)
        {
            message = $"parsing time {Quote(text)} as {Quote(layout)}: cannot parse {Quote(at)} as {Quote(element)}";
            return null;
        }

        DateTimeOffset? OutOfRange(string what, string at, out string message)
        {
            message = $"parsing time {Quote(text)}: {what} out of range";
            return null;
        }
    }

    private static string Quote(string text) => Errors.FieldError.Quote(text);

    private static bool ContainsOnlyDigits(this ReadOnlySpan<char> text)
    {
        foreach (var c in text)
            if (!char.IsAsciiDigit(c)) return false;
        return true;
    }

    private static bool Literal(ref string rest, string literal)
    {
        if (!rest.StartsWith(literal, StringComparison.Ordinal)) return false;
        rest = rest[literal.Length..];
        return true;
    }

    private static bool Take(ref string rest, int digits, out int number)
    {
        number = 0;
        if (rest.Length < digits || !rest.AsSpan(0, digits).ContainsOnlyDigits()) return false;
        number = int.Parse(rest.AsSpan(0, digits), CultureInfo.InvariantCulture);
        rest = rest[digits..];
        return true;
    }
}
