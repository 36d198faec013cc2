using System.Globalization;
using System.Numerics;
using Bramble.Api.Quantities;

namespace Bramble.Api.Cel;

/// <summary>A version by semver.org, as <c>semver('1.2.3-rc.1')</c> reads it.</summary>
internal sealed record CelVersion(ulong Major, ulong Minor, ulong Patch, string Pre, string Build) : ICelLibraryValue
{
    public string LibraryType => "Semver";

    public override string ToString() => $"{Major}.{Minor}.{Patch}{(Pre.Length > 0 ? "-" + Pre : "")}{(Build.Length > 0 ? "+" + Build : "")}";

    /// <returns>A <see cref="CelVersion"/> or a fault.</returns>
    public static object Parse(string text, bool normalize)
    {
        if (normalize)
        {
            if (text.StartsWith('v')) text = text[1..];
            var given = text.Split('.', 3);
            for (var i = 0; i < given.Length; i++)
                if (given[i].Length > 1 && given[i].TrimStart('0') is var bare) given[i] = bare.Length == 0 || !char.IsAsciiDigit(bare[0]) ? "0" + bare : bare;
            if (given.Length < 3 && given[^1].AsSpan().ContainsAny('+', '-')) return new CelFault("short version cannot contain PreRelease/Build meta data");
            text = string.Join('.', [.. given, .. Enumerable.Repeat("0", 3 - given.Length)]);
        }
        if (text.Length == 0) return new CelFault("Version string empty");
        var parts = text.Split('.', 3);
        if (parts.Length != 3) return new CelFault("No Major.Minor.Patch elements found");
        var (patch, pre, build) = (parts[2], "", "");
        if (patch.IndexOf('+', StringComparison.Ordinal) is >= 0 and var plus) (patch, build) = (patch[..plus], patch[(plus + 1)..]);
        if (patch.IndexOf('-', StringComparison.Ordinal) is >= 0 and var dash) (patch, pre) = (patch[..dash], patch[(dash + 1)..]);
        string[] names = ["Major", "Minor", "Patch"], numbers = [parts[0], parts[1], patch];
        var read = new ulong[3];
        for (var i = 0; i < 3; i++)
        {
            if (!numbers[i].All(char.IsAsciiDigit)) return new CelFault($"Invalid character(s) found in {names[i].ToLowerInvariant()} number {Errors.FieldError.Quote(numbers[i])}");
            if (numbers[i].Length > 1 && numbers[i][0] == '0') return new CelFault($"{names[i]} number must not contain leading zeroes {Errors.FieldError.Quote(numbers[i])}");
            if (!ulong.TryParse(numbers[i], NumberStyles.None, CultureInfo.InvariantCulture, out read[i])) return new CelFault($"strconv.ParseUint: parsing {Errors.FieldError.Quote(numbers[i])}: invalid syntax");
        }
        foreach (var (meta, name) in (ReadOnlySpan<(string, string)>)[(pre, "Prerelease"), (build, "Build meta data")])
            if (meta.Length > 0)
                foreach (var part in meta.Split('.'))
                {
                    if (part.Length == 0) return new CelFault($"{name} is empty");
                    if (!part.All(c => char.IsAsciiLetterOrDigit(c) || c == '-')) return new CelFault(name == "Prerelease" ? $"Invalid character(s) found in prerelease {Errors.FieldError.Quote(part)}" : $"Invalid character(s) found in build meta data {Errors.FieldError.Quote(part)}");
                    if (name == "Prerelease" && part.Length > 1 && part[0] == '0' && part.All(char.IsAsciiDigit)) return new CelFault($"Numeric PreRelease version must not contain leading zeroes {Errors.FieldError.Quote(part)}");
                }
        return new CelVersion(read[0], read[1], read[2], pre, build);
    }

    public int CompareTo(CelVersion other)
    {
        if (Major != other.Major) return Major.CompareTo(other.Major);
        if (Minor != other.Minor) return Minor.CompareTo(other.Minor);
        if (Patch != other.Patch) return Patch.CompareTo(other.Patch);
        if (Pre.Length == 0 || other.Pre.Length == 0) return (Pre.Length == 0 ? 1 : 0) - (other.Pre.Length == 0 ? 1 : 0);
        string[] own = Pre.Split('.'), others = other.Pre.Split('.');
        for (var i = 0; i < own.Length && i < others.Length; i++)
        {
            var (isNumber, otherIsNumber) = (own[i].All(char.IsAsciiDigit), others[i].All(char.IsAsciiDigit));
            var order = isNumber && otherIsNumber ? BigInteger.Parse(own[i], CultureInfo.InvariantCulture).CompareTo(BigInteger.Parse(others[i], CultureInfo.InvariantCulture))
                : isNumber != otherIsNumber ? (isNumber ? -1 : 1) : string.CompareOrdinal(own[i], others[i]);
            if (order != 0) return Math.Sign(order);
        }
        return own.Length.CompareTo(others.Length);
    }
}

/// <summary>Kubernetes' libraries of quantities and versions.</summary>
internal static class CelVersions
{
    private static readonly BigInteger NanosPerUnit = 1_000_000_000;

    public static object? Call(string function, object?[] a) => (function, a) switch
    {
        ("quantity", [string text]) => Quantity.TryParse(text, out var quantity, out var error) ? quantity : new CelFault(error),
        ("isQuantity", [string text]) => Quantity.TryParse(text, out _, out _),
        ("sign", [Quantity quantity]) => (long)quantity.Sign,
        ("isGreaterThan", [Quantity x, Quantity y]) => x > y,
        ("isLessThan", [Quantity x, Quantity y]) => x < y,
        ("compareTo", [Quantity x, Quantity y]) => (long)Math.Sign(x.CompareTo(y)),
        ("asApproximateFloat", [Quantity quantity]) => quantity.ToDouble(),
        ("isInteger", [Quantity quantity]) => IsInteger(quantity),
        ("asInteger", [Quantity quantity]) => IsInteger(quantity) ? (long)(quantity.Nanos / NanosPerUnit) : new CelFault("cannot convert value to integer"),
        ("add", [Quantity x, Quantity y]) => x + y,
        ("add", [Quantity x, long y]) => x + Quantity.FromUnits(y),
        ("sub", [Quantity x, Quantity y]) => x - y,
        ("sub", [Quantity x, long y]) => x - Quantity.FromUnits(y),
        ("semver", [string text]) => CelVersion.Parse(text, false),
        ("semver", [string text, bool normalize]) => CelVersion.Parse(text, normalize),
        ("isSemver", [string text]) => CelVersion.Parse(text, false) is CelVersion,
        ("isSemver", [string text, bool normalize]) => CelVersion.Parse(text, normalize) is CelVersion,
        ("isGreaterThan", [CelVersion x, CelVersion y]) => x.CompareTo(y) > 0,
        ("isLessThan", [CelVersion x, CelVersion y]) => x.CompareTo(y) < 0,
        ("compareTo", [CelVersion x, CelVersion y]) => (long)x.CompareTo(y),
        ("major", [CelVersion version]) => (long)version.Major,
        ("minor", [CelVersion version]) => (long)version.Minor,
        ("patch", [CelVersion version]) => (long)version.Patch,
        _ => null,
    };

    private static bool IsInteger(Quantity quantity) => (quantity.Nanos % NanosPerUnit).IsZero && BigInteger.Abs(quantity.Nanos / NanosPerUnit) <= long.MaxValue;
}
