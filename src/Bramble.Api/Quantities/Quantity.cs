using System.Globalization;
using System.Numerics;

namespace Bramble.Api.Quantities;

/// <summary>How a quantity is written.</summary>
public enum QuantityFormat
{
    /// <summary>12M = 12 × 10^6.</summary>
    DecimalSI,

    /// <summary>12Mi = 12 × 2^20.</summary>
    BinarySI,

    /// <summary>12e6.</summary>
    DecimalExponent,
}

/// <summary>An amount as the API writes it (<c>500m</c>, <c>64Mi</c>, <c>1e3</c>): exact, in billionths. Parsing keeps the text where upstream does
/// (behaviour of apimachinery's resource.Quantity). Immutable.</summary>
public readonly struct Quantity : IEquatable<Quantity>, IComparable<Quantity>
{
    public const string FormatError = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    public const string NumericError = "unable to parse numeric part of quantity";
    public const string SuffixError = "unable to parse quantity's suffix";

    private static readonly BigInteger NanosPerUnit = 1_000_000_000;
    private static readonly BigInteger BinaryNanosMax = long.MaxValue * NanosPerUnit;

    private readonly string? _text;

    internal Quantity(BigInteger nanos, QuantityFormat format, string? text = null)
    {
        Nanos = nanos;
        Format = format;
        _text = text;
    }

    /// <summary>The amount × 10^9.</summary>
    public BigInteger Nanos { get; }

    public QuantityFormat Format { get; }

    public bool IsZero => Nanos.IsZero;

    public int Sign => Nanos.Sign;

    public static Quantity FromUnits(long units, QuantityFormat format = QuantityFormat.DecimalSI) => new(units * NanosPerUnit, format);

    public static Quantity FromMillis(long millis, QuantityFormat format = QuantityFormat.DecimalSI) => new(millis * (BigInteger)1_000_000, format);

    /// <exception cref="FormatException">With upstream's message.</exception>
    public static Quantity Parse(string text) => TryParse(text, out var quantity, out var error) ? quantity : throw new FormatException(error);

    /// <param name="error">Upstream's message; empty when it parsed.</param>
    public static bool TryParse(string text, out Quantity quantity, out string error)
    {
        quantity = default;
        if (!QuantityText.TrySplit(text, out var parts))
        {
            error = FormatError;
            return false;
        }
        if (!QuantityText.TrySuffix(parts.Suffix, out var format, out var exponent))
        {
            error = SuffixError;
            return false;
        }
        // "+0" and "000" are zero before there is any suffix.
        if (text == "0")
        {
            (quantity, error) = (new(0, QuantityFormat.DecimalSI, "0"), "");
            return true;
        }
        var digits = string.Concat(parts.Integer, parts.Fraction);
        var unscaled = BigInteger.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        var nanos = format == QuantityFormat.BinarySI
            ? ScaleUp(unscaled << exponent, 9 - parts.Fraction.Length)
            : ScaleUp(unscaled, 9 - parts.Fraction.Length + exponent);
        if (format == QuantityFormat.BinarySI)
        {
            if (nanos > BinaryNanosMax) nanos = BinaryNanosMax;
            // Less than one binary unit is shown in decimal, so that nothing is rounded away.
            if (nanos < NanosPerUnit && !nanos.IsZero) format = QuantityFormat.DecimalSI;
        }
        if (parts.IsNegative) nanos = -nanos;
        quantity = new(nanos, format, QuantityText.IsKept(parts, format, exponent, digits) ? text : null);
        error = "";
        return true;
    }

    /// <summary>The amount in whole units, rounded away from zero; the nearest bound when it does not fit.</summary>
    public long ToUnits() => Clamp(DivideUp(Nanos, NanosPerUnit));

    /// <summary>The amount in thousandths, rounded away from zero; the nearest bound when it does not fit.</summary>
    public long ToMillis() => Clamp(DivideUp(Nanos, 1_000_000));

    public double ToDouble() => (double)Nanos / 1e9;

    /// <summary>A sum takes the format of its first part that is not zero.</summary>
    public static Quantity operator +(Quantity a, Quantity b) => new(a.Nanos + b.Nanos, a.IsZero ? b.Format : a.Format);
    public static Quantity operator -(Quantity a, Quantity b) => new(a.Nanos - b.Nanos, a.IsZero ? b.Format : a.Format);
    public static Quantity operator *(Quantity a, long times) => new(a.Nanos * times, a.Format);
    public static Quantity operator -(Quantity a) => new(-a.Nanos, a.Format);
    public static bool operator ==(Quantity a, Quantity b) => a.Nanos == b.Nanos;
    public static bool operator !=(Quantity a, Quantity b) => a.Nanos != b.Nanos;
    public static bool operator <(Quantity a, Quantity b) => a.Nanos < b.Nanos;
    public static bool operator >(Quantity a, Quantity b) => a.Nanos > b.Nanos;
    public static bool operator <=(Quantity a, Quantity b) => a.Nanos <= b.Nanos;
    public static bool operator >=(Quantity a, Quantity b) => a.Nanos >= b.Nanos;

    public int CompareTo(Quantity other) => Nanos.CompareTo(other.Nanos);

    /// <summary>Equal amounts are equal, however they are written: <c>1</c> and <c>1000m</c>.</summary>
    public bool Equals(Quantity other) => Nanos == other.Nanos;
    public override bool Equals(object? obj) => obj is Quantity other && Equals(other);
    public override int GetHashCode() => Nanos.GetHashCode();

    /// <summary>As the API writes it.</summary>
    public override string ToString() => _text ?? QuantityText.Canonical(Nanos, Format);

    private static BigInteger ScaleUp(BigInteger value, int exponent) =>
        exponent >= 0 ? value * BigInteger.Pow(10, exponent) : DivideUp(value, BigInteger.Pow(10, -exponent));

    private static BigInteger DivideUp(BigInteger value, BigInteger divisor)
    {
        var quotient = BigInteger.DivRem(value, divisor, out var remainder);
        return remainder.IsZero ? quotient : quotient + value.Sign;
    }

    private static long Clamp(BigInteger value) => value > long.MaxValue ? long.MaxValue : value < long.MinValue ? long.MinValue : (long)value;
}
