using System.Globalization;

namespace Bramble.Api.Protobuf;

/// <summary>Durations as Go writes them (<c>1h0m0s</c>, <c>1.5s</c>, <c>20ms</c>), in nanoseconds.</summary>
public static class GoDuration
{
    private static readonly (string Unit, long Nanos)[] Units =
        [("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

    public static bool TryParse(string text, out long nanos)
    {
        nanos = 0;
        var rest = text.AsSpan();
        var sign = 1;
        if (rest.Length > 0 && rest[0] is '-' or '+')
        {
            sign = rest[0] == '-' ? -1 : 1;
            rest = rest[1..];
        }
        if (rest is "0") return true;
        if (rest.IsEmpty) return false;
        decimal total = 0;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept("0123456789.");
            if (digits <= 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
            rest = rest[digits..];
            var letters = rest.IndexOfAny("0123456789.");
            var unit = letters < 0 ? rest : rest[..letters];
            var scale = 0L;
            foreach (var (name, size) in Units)
                if (unit.SequenceEqual(name)) scale = size;
            if (scale == 0) return false;
            total += number * scale;
            if (total > long.MaxValue) return false;
            rest = rest[unit.Length..];
        }
        nanos = sign * (long)total;
        return true;
    }

    public static string Format(long nanos)
    {
        if (nanos == 0) return "0s";
        var sign = nanos < 0 ? "-" : "";
        var amount = nanos == long.MinValue ? (decimal)long.MaxValue + 1 : Math.Abs(nanos);
        if (amount < 1_000_000_000)
        {
            var (unit, scale) = amount < 1_000 ? ("ns", 1m) : amount < 1_000_000 ? ("µs", 1_000m) : ("ms", 1_000_000m);
            return sign + Plain(amount / scale) + unit;
        }
        var seconds = amount / 1_000_000_000;
        var minutes = decimal.Truncate(seconds / 60);
        var text = Plain(seconds - (minutes * 60)) + "s";
        if (minutes == 0) return sign + text;
        var hours = decimal.Truncate(minutes / 60);
        text = $"{Plain(minutes - (hours * 60))}m{text}";
        return sign + (hours == 0 ? text : $"{Plain(hours)}h{text}");
    }

    private static string Plain(decimal number) => number.ToString("0.#########", CultureInfo.InvariantCulture);
}
