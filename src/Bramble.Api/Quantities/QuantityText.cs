using System.Globalization;
using System.Numerics;

namespace Bramble.Api.Quantities;

/// <summary>Reading and writing the text of a <see cref="Quantity"/>.</summary>
internal static class QuantityText
{
    /// <summary>A larger exponent than this would make numbers of thousands of digits; nothing real needs it.</summary>
    private const int ExponentMax = 400;

    private static readonly string[] Decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    private static readonly string[] Binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

    /// <summary>Number and suffix of a text. <c>Integer</c> has no leading zeros and is at least "0".</summary>
    internal readonly record struct Parts(bool IsNegative, string Integer, string Fraction, string Suffix);

    public static bool TrySplit(string text, out Parts parts)
    {
        parts = default;
        if (text.Length == 0) return false;
        var at = text[0] is '-' or '+' ? 1 : 0;
        while (at < text.Length && text[at] == '0') at++;
        var start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        var integer = text[start..at];
        var fraction = "";
        if (at < text.Length && text[at] == '.')
        {
            start = ++at;
            while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
            fraction = text[start..at];
        }
        start = at;
        while (at < text.Length && "eEinumkKMGTP".Contains(text[at])) at++;
        if (at < text.Length && text[at] is '-' or '+') at++;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        if (at < text.Length) return false;
        parts = new(text[0] == '-', integer.Length == 0 ? "0" : integer, fraction, text[start..]);
        return true;
    }

    public static bool TrySuffix(string suffix, out QuantityFormat format, out int exponent)
    {
        format = QuantityFormat.DecimalSI;
        exponent = 0;
        if (suffix.Length == 2 && Array.IndexOf(Binary, suffix) is > 0 and var binary)
        {
            (format, exponent) = (QuantityFormat.BinarySI, binary * 10);
            return true;
        }
        if (Array.IndexOf(Decimal, suffix) is >= 0 and var thousands)
        {
            exponent = (thousands - 3) * 3;
            return true;
        }
        format = QuantityFormat.DecimalExponent;
        return suffix.Length > 1 && suffix[0] is 'e' or 'E'
            && int.TryParse(suffix.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent)
            && exponent is >= -ExponentMax and <= ExponentMax;
    }

    /// <summary>Whether upstream keeps the text it was given. It does so on its fast path (a number that fits into 64 bits) when a quick look says
    /// the text is canonical; so <c>1.500</c> stays and <c>1.5</c> becomes <c>1500m</c>.</summary>
    public static bool IsKept(in Parts parts, QuantityFormat format, int exponent, string digits)
    {
        if (format == QuantityFormat.BinarySI)
        {
            // 2^20 has about six decimal digits: exponent × 3 / 10.
            var precision = 15 - parts.Integer.Length - (int)(exponent * 3 / 10f) - 1;
            return parts.Fraction.Length == 0 && precision >= 0 && (long.Parse(digits, CultureInfo.InvariantCulture) & 7) != 0;
        }
        var scale = exponent - parts.Fraction.Length;
        return parts.Integer.Length + parts.Fraction.Length <= 18 && scale >= -9 && scale % 3 == 0
            && !digits.EndsWith("000", StringComparison.Ordinal) && digits[0] != '0';
    }

    public static string Canonical(BigInteger nanos, QuantityFormat format)
    {
        if (nanos.IsZero) return "0";
        if (format == QuantityFormat.BinarySI)
        {
            var units = BigInteger.DivRem(nanos, 1_000_000_000, out var rest);
            // Small or broken amounts are shown in decimal, so that nothing is lost.
            if (rest.IsZero && BigInteger.Abs(units) >= 1024)
            {
                var steps = 0;
                while (steps < Binary.Length - 1 && (units % 1024).IsZero)
                {
                    units /= 1024;
                    steps++;
                }
                return units.ToString(CultureInfo.InvariantCulture) + Binary[steps];
            }
            format = QuantityFormat.DecimalSI;
        }
        // The largest power of a thousand that leaves a whole number.
        var power = -9;
        while ((nanos % 1000).IsZero && (format == QuantityFormat.DecimalExponent || power < 18))
        {
            nanos /= 1000;
            power += 3;
        }
        var suffix = format == QuantityFormat.DecimalSI ? Decimal[(power / 3) + 3] : power == 0 ? "" : $"e{power}";
        return nanos.ToString(CultureInfo.InvariantCulture) + suffix;
    }
}
