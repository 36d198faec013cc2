using System.Globalization;

namespace Bramble.Api.Discovery;

/// <summary>Orders API versions as Kubernetes does: stable before beta before alpha, newer before older, everything else after them by name
/// (<c>v10, v2, v1, v11beta2, v3beta1, v12alpha1, foo1</c>).</summary>
public sealed class VersionPriority : IComparer<string>
{
    public static readonly VersionPriority Order = new();

    public int Compare(string? x, string? y)
    {
        var isKnownX = TryRead(x!, out var a);
        var isKnownY = TryRead(y!, out var b);
        return (isKnownX, isKnownY) switch
        {
            (true, true) => b.CompareTo(a),
            (true, false) => -1,
            (false, true) => 1,
            _ => string.CompareOrdinal(x, y),
        };
    }

    /// <summary>Reads <c>v2beta3</c> as (stability 1, major 2, minor 3).</summary>
    private static bool TryRead(string version, out (int Stability, int Major, int Minor) read)
    {
        read = default;
        if (version.Length < 2 || version[0] != 'v') return false;
        var at = 1;
        if (!TryNumber(version, ref at, out var major)) return false;
        if (at == version.Length)
        {
            read = (2, major, 0);
            return true;
        }
        var rest = version.AsSpan(at);
        var stability = rest.StartsWith("beta") ? 1 : rest.StartsWith("alpha") ? 0 : -1;
        if (stability < 0) return false;
        at += stability == 1 ? 4 : 5;
        if (!TryNumber(version, ref at, out var minor) || at != version.Length) return false;
        read = (stability, major, minor);
        return true;
    }

    private static bool TryNumber(string version, ref int at, out int number)
    {
        var start = at;
        while (at < version.Length && char.IsAsciiDigit(version[at])) at++;
        number = 0;
        return at > start && version[start] != '0' && int.TryParse(version.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
