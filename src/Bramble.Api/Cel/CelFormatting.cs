using System.Globalization;
using System.Text;

namespace Bramble.Api.Cel;

/// <summary><c>"%s of %d".format([a, b])</c> of cel-go's string extensions.</summary>
internal static class CelFormatting
{
    private const int PrecisionMax = 1000;

    public static object Format(string format, IReadOnlyList<object?> arguments)
    {
        var text = new StringBuilder();
        var next = 0;
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                text.Append(format[i]);
                continue;
            }
            if (++i < format.Length && format[i] == '%')
            {
                text.Append('%');
                continue;
            }
            if (next >= arguments.Count) return new CelFault($"index {next} out of range");
            if (i >= format.Length) return new CelFault("unexpected end of string");
            int? precision = null;
            if (format[i] == '.')
            {
                var start = ++i;
                while (i < format.Length && char.IsAsciiDigit(format[i])) i++;
                if (i >= format.Length) return Unreadable("error while parsing precision: could not find end of precision specifier");
                if (!int.TryParse(format.AsSpan(start, i - start), NumberStyles.None, CultureInfo.InvariantCulture, out var digits))
                    return Unreadable($"error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing \"{format[start..i]}\": invalid syntax");
                precision = Math.Min(digits, PrecisionMax);
            }
            if (format[i] is not ('s' or 'd' or 'f' or 'e' or 'b' or 'x' or 'X' or 'o')) return Unreadable($"unrecognized formatting clause \"{format[i]}\"");
            var shown = Show(format[i], precision ?? 6, arguments[next++]);
            if (shown is CelFault fault) return new CelFault($"error during formatting: {fault.Message}");
            text.Append(shown);
        }
        return text.ToString();
    }

    private static CelFault Unreadable(string why) => new($"could not parse formatting clause: {why}");

    private static object Show(char clause, int precision, object? value) => (clause, value) switch
    {
        ('s', _) => Text(value),
        ('d', long or ulong) => CelConversions.ToText(value)!,
        ('d', _) => Unfit("decimal clause can only be used on integers", value),
        ('f', double number) => Special(number) ?? number.ToString($"N{precision}", CultureInfo.InvariantCulture),
        ('f' or 'e', "NaN") => "NaN",
        ('f' or 'e', "Infinity") => "∞",
        ('f' or 'e', "-Infinity") => "-∞",
        ('f', _) => Unfit("fixed-point clause can only be used on doubles", value),
        ('e', double number) => Special(number) ?? Scientific(number, precision),
        ('e', _) => Unfit("scientific clause can only be used on doubles", value),
        ('b', bool flag) => flag ? "1" : "0",
        ('b', long or ulong) => Radix(value, 2),
        ('b', _) => Unfit("only integers and bools can be formatted as binary", value),
        ('o', long or ulong) => Radix(value, 8),
        ('o', _) => Unfit("octal clause can only be used on integers", value),
        ('x' or 'X', long or ulong) => clause == 'X' ? Radix(value, 16).ToUpperInvariant() : Radix(value, 16),
        ('x' or 'X', string text) => Hex(clause, Encoding.UTF8.GetBytes(text)),
        ('x' or 'X', byte[] bytes) => Hex(clause, bytes),
        _ => Unfit("only integers, byte buffers, and strings can be formatted as hex", value),
    };

    private static CelFault Unfit(string what, object? value) => new($"{what}, was given {CelValues.TypeName(value)}");

    private static string Hex(char clause, byte[] bytes) => clause == 'X' ? Convert.ToHexString(bytes) : Convert.ToHexStringLower(bytes);

    private static string? Special(double number) => double.IsNaN(number) ? "NaN" : double.IsPositiveInfinity(number) ? "∞" : double.IsNegativeInfinity(number) ? "-∞" : null;

    /// <summary>As upstream's locale en-US writes it: 2.718 × 10⁰⁰.</summary>
    private static string Scientific(double number, int precision)
    {
        var text = number.ToString($"E{precision}", CultureInfo.InvariantCulture);
        var at = text.IndexOf('E', StringComparison.Ordinal);
        var exponent = (text[at + 1] == '-' ? "-" : "") + text[(at + 2)..].TrimStart('0').PadLeft(2, '0');
        return $"{text[..at]}\u202f×\u202f10{string.Concat(exponent.Select(c => c == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c - '0']))}";
    }

    private static string Radix(object? value, int radix)
    {
        var (sign, rest) = value is long signed ? (signed < 0 ? "-" : "", signed < 0 ? unchecked((ulong)-signed) : (ulong)signed) : ("", (ulong)value!);
        if (rest == 0) return "0";
        var digits = new Stack<char>();
        for (; rest > 0; rest /= (ulong)radix) digits.Push("0123456789abcdef"[(int)(rest % (ulong)radix)]);
        return sign + string.Concat(digits);
    }

    private static object Text(object? value) => value switch
    {
        null => "null",
        bool or string or long or ulong or double or byte[] or CelTimestamp or CelDuration => CelConversions.ToText(value)!,
        CelType type => type.Name,
        CelMap map => Map(map),
        IReadOnlyList<object?> list => List(list),
        _ => Unfit("string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps", value),
    };

    /// <summary>Inside a list or a map texts are quoted.</summary>
    private static object Inner(object? value) => value switch
    {
        string text => Errors.FieldError.Quote(text),
        byte[] bytes => "b" + Errors.FieldError.Quote(Encoding.UTF8.GetString(bytes)),
        double number => Special(number) is null ? number.ToString("F6", CultureInfo.InvariantCulture) : $"\"{CelConversions.ToText(number)}\"",
        CelTimestamp => $"timestamp(\"{CelConversions.ToText(value)}\")",
        CelDuration => $"duration(\"{CelConversions.ToText(value)}\")",
        CelType type => $"type({type.Name})",
        _ => Text(value) is CelFault ? new CelFault($"no formatting function for {CelValues.TypeName(value)}") : Text(value),
    };

    private static object List(IReadOnlyList<object?> list)
    {
        var parts = new List<string>();
        foreach (var item in list)
            if (Inner(item) is string shown) parts.Add(shown);
            else return Inner(item);
        return $"[{string.Join(", ", parts)}]";
    }

    private static object Map(CelMap map)
    {
        var parts = new List<(string Key, string Value)>();
        foreach (var key in map.Keys)
        {
            if (key is not (string or bool or long or ulong)) return new CelFault($"no formatting function for map key of type {CelValues.TypeName(key)}");
            map.TryGet(key, out var value);
            if (Inner(value) is not string shown) return Inner(value);
            parts.Add(((string)Inner(key), shown));
        }
        return $"{{{string.Join(", ", parts.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}:{p.Value}"))}}}";
    }
}
