using System.Globalization;
using System.Text;
using Bramble.Api.Decoding;

namespace Bramble.Api.Cel;

/// <summary>CEL's conversions between types: <c>int('1')</c>, <c>string(duration('1h'))</c>. What does not convert is a fault.</summary>
internal static class CelConversions
{
    // 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
    private const long SecondsMin = -62135596800;
    private const long SecondsMax = 253402300799;

    public static readonly CelFault TimestampOverflow = new("timestamp overflow");
    public static readonly CelFault DurationOverflow = new("duration overflow");

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public static object? Convert(string type, object? value) => (type, value) switch
    {
        ("int", long) or ("uint", ulong) or ("double", double) or ("string", string) or ("bool", bool) or ("bytes", byte[]) or ("duration", CelDuration) or ("timestamp", CelTimestamp) => value,
        ("int", ulong number) => number <= long.MaxValue ? (long)number : CelFault.IntOverflow,
        ("int", double number) => number > -9223372036854775808.0 && number < 9223372036854775808.0 ? (long)number : CelFault.IntOverflow,
        ("int", CelDuration duration) => duration.Nanos,
        ("int", CelTimestamp time) => time.Seconds,
        ("int", string text) when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        ("uint", long number) => number >= 0 ? (ulong)number : CelFault.UintOverflow,
        ("uint", double number) => number >= 0 && number < 18446744073709551616.0 ? (ulong)number : CelFault.UintOverflow,
        ("uint", string text) when ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        ("double", long number) => (double)number,
        ("double", ulong number) => (double)number,
        ("double", string text) => ToDouble(text) is { } number ? number : Wrong(value, CelType.Double),
        ("bool", string text) => text is "1" or "t" or "T" or "true" or "TRUE" or "True" ? true : text is "0" or "f" or "F" or "false" or "FALSE" or "False" ? false : Wrong(value, CelType.Bool),
        ("bytes", string text) => Encoding.UTF8.GetBytes(text),
        ("duration", long nanos) => new CelDuration(nanos),
        ("duration", string text) => GoDuration.Parse(text) is { } nanos ? new CelDuration(nanos) : Wrong(value, CelType.Duration),
        ("timestamp", long seconds) => Bounded(seconds, 0),
        ("timestamp", string text) => ToTimestamp(text) ?? Wrong(value, CelType.Timestamp),
        ("string", _) => ToText(value) ?? Wrong(value, CelType.String),
        _ => Wrong(value, CelDeclarations.NamedType(type) ?? CelType.Dyn),
    };

    private static CelFault Wrong(object? value, CelType type) => new($"type conversion error from '{CelValues.TypeName(value)}' to '{type.Name}'");

    private static double? ToDouble(string text)
    {
        switch (text.TrimStart('+', '-').ToLowerInvariant())
        {
            case "inf" or "infinity": return text[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
            case "nan": return double.NaN;
        }
        const NumberStyles style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(text, style, CultureInfo.InvariantCulture, out var number) && !double.IsInfinity(number) ? number : null;
    }

    /// <returns>A text or a fault; null: not a type that becomes a text.</returns>
    public static object? ToText(object? value)
    {
        switch (value)
        {
            case string text: return text;
            case bool flag: return flag ? "true" : "false";
            case long number: return number.ToString(CultureInfo.InvariantCulture);
            case ulong number: return number.ToString(CultureInfo.InvariantCulture);
            case double number: return ToText(number);
            case CelDuration duration: return Seconds(duration);
            case CelTimestamp time: return ToText(time);
            case CelAddress or CelNetwork: return value.ToString();
            case byte[] bytes:
                try
                {
                    return Strict.GetString(bytes);
                }
                catch (DecoderFallbackException)
                {
                    return new CelFault("invalid UTF-8 in bytes, cannot convert to string");
                }
            default: return null;
        }
    }

    /// <summary>Go's <c>%g</c>.</summary>
    public static string ToText(double number)
    {
        if (double.IsNaN(number)) return "NaN";
        if (double.IsInfinity(number)) return number > 0 ? "+Inf" : "-Inf";
        if (number == 0) return double.IsNegative(number) ? "-0" : "0";
        var shortest = number.ToString("E16", CultureInfo.InvariantCulture);
        for (var digits = 0; digits < 17; digits++)
        {
            shortest = number.ToString($"E{digits}", CultureInfo.InvariantCulture);
            if (double.Parse(shortest, CultureInfo.InvariantCulture) == number) break;
        }
        var at = shortest.IndexOf('E', StringComparison.Ordinal);
        var exponent = int.Parse(shortest.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        // From a million on and below a ten-thousandth Go writes an exponent, unless the digits reach that far (21 at most).
        return exponent is >= -4 and < 21 ? Plain(number) : $"{shortest[..at]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture)}";
    }

    /// <summary>Go's <c>%f</c> with as many digits as it takes.</summary>
    public static string Plain(double number) => Math.Abs(number) is < 1e28 and > 1e-28 ? new decimal(number) is var exact && (double)exact == number
        ? exact.ToString("0.############################", CultureInfo.InvariantCulture) : Expanded(number) : number == 0 ? "0" : Expanded(number);

    private static string Expanded(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        var at = text.IndexOf('E', StringComparison.Ordinal);
        if (at < 0) return text;
        var exponent = int.Parse(text.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var sign = text[0] == '-' ? "-" : "";
        var digits = text[sign.Length..at];
        var point = digits.IndexOf('.', StringComparison.Ordinal) is >= 0 and var dot ? dot : digits.Length;
        digits = digits.Replace(".", "", StringComparison.Ordinal);
        point += exponent;
        if (point <= 0) return $"{sign}0.{new string('0', -point)}{digits}";
        return point >= digits.Length ? sign + digits.PadRight(point, '0') : $"{sign}{digits[..point]}.{digits[point..]}";
    }

    private static string Seconds(CelDuration duration)
    {
        var seconds = (decimal)duration.Nanos / 1_000_000_000;
        return seconds.ToString("0.#########", CultureInfo.InvariantCulture) + "s";
    }

    private static string ToText(CelTimestamp time)
    {
        var seconds = DateTimeOffset.FromUnixTimeSeconds(time.Seconds).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        var nanos = time.Nanos == 0 ? "" : "." + time.Nanos.ToString("000000000", CultureInfo.InvariantCulture).TrimEnd('0');
        return $"{seconds}{nanos}Z";
    }

    public static object Bounded(long seconds, long nanos)
    {
        seconds += Math.DivRem(nanos, 1_000_000_000, out nanos);
        if (nanos < 0) (seconds, nanos) = (seconds - 1, nanos + 1_000_000_000);
        return seconds is < SecondsMin or > SecondsMax ? TimestampOverflow : new CelTimestamp(seconds, (int)nanos);
    }

    /// <summary>RFC 3339; null: it is none.</summary>
    public static object? ToTimestamp(string text)
    {
        // 2006-01-02T15:04:05[.999999999](Z|+07:00)
        if (text.Length < 20 || text[10] is not ('T' or 't')) return null;
        var at = 19;
        var nanos = 0L;
        if (text[at] is '.' or ',')
        {
            var digits = 1;
            while (at + digits < text.Length && char.IsAsciiDigit(text[at + digits])) digits++;
            if (digits == 1) return null;
            nanos = long.Parse(text.AsSpan(at + 1, Math.Min(digits - 1, 9)).ToString().PadRight(9, '0'), CultureInfo.InvariantCulture);
            at += digits;
        }
        if (!DateTime.TryParseExact(text[..10] + "T" + text[11..19], "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)) return null;
        var seconds = new DateTimeOffset(time, TimeSpan.Zero).ToUnixTimeSeconds();
        var zone = text[at..];
        if (zone is "Z" or "z") return Bounded(seconds, nanos);
        if (zone.Length != 6 || zone[0] is not ('+' or '-') || zone[3] != ':' || !int.TryParse(zone.AsSpan(1, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var hours)
            || !int.TryParse(zone.AsSpan(4, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var minutes) || hours > 24 || minutes > 60) return null;
        return Bounded(seconds - (zone[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60), nanos);
    }
}
