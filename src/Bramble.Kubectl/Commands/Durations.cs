using System.Globalization;

namespace Bramble.Kubectl.Commands;

/// <summary>Go's durations on the command line: 5s, 2m, 1h30m.</summary>
internal static class Durations
{
    public static TimeSpan Parse(string text)
    {
        var total = TimeSpan.Zero;
        var rest = text;
        if (rest is "0" or "-1") return rest == "0" ? TimeSpan.Zero : TimeSpan.FromSeconds(-1);
        while (rest.Length > 0)
        {
            var digits = rest.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
            var unitLength = rest.Skip(digits).TakeWhile(char.IsLetter).Count();
            TimeSpan? unit = rest.Substring(digits, unitLength) switch
            {
                "ms" => TimeSpan.FromMilliseconds(1),
                "s" => TimeSpan.FromSeconds(1),
                "m" => TimeSpan.FromMinutes(1),
                "h" => TimeSpan.FromHours(1),
                _ => null,
            };
            if (digits == 0 || unit is null || !double.TryParse(rest[..digits], NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                throw new CommandFailure($"error: invalid duration \"{text}\"");
            total += unit.Value * number;
            rest = rest[(digits + unitLength)..];
        }
        return total;
    }
}
