using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Bramble.Api.Cel;
using Bramble.Api.Decoding;

namespace Bramble.Api.CustomResources;

/// <summary>Formats of texts in schemas of custom resources, as kube-openapi's strfmt reads them. Pure.</summary>
internal static class SchemaFormats
{
    private const int LongNameMax = 253;
    private const int ShortNameMax = 63;
    private const int HostnameMax = 255;
    private const string Label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

    /// <summary>Formats that are one pattern, by their names without dashes.</summary>
    private static readonly Dictionary<string, string> Patterns = new(StringComparer.Ordinal)
    {
        ["bsonobjectid"] = "^[0-9a-fA-F]{24}$",
        ["byte"] = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$",
        ["email"] = @"^[^@\s]+@[^@\s]+$",
        ["hexcolor"] = "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$",
        // A name of one label has no dash but after its first letter: so it is upstream.
        ["hostname"] = @"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([-a-zA-Z0-9\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$",
        ["k8slongname"] = $@"^{Label}(\.{Label})*$",
        ["k8sshortname"] = $"^{Label}$",
        ["mac"] = "^([0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}|[0-9a-fA-F]{2}(-[0-9a-fA-F]{2}){5}|[0-9a-fA-F]{4}(\\.[0-9a-fA-F]{4}){2})$",
        ["rgbcolor"] = @"^rgb\(\s*(0|[1-9][0-9]?|1[0-9][0-9]?|2[0-4][0-9]|25[0-5])\s*(,\s*(0|[1-9][0-9]?|1[0-9][0-9]?|2[0-4][0-9]|25[0-5])\s*){2}\)$",
        ["ssn"] = "^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$",
        ["uuid"] = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$",
        ["uuid3"] = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$",
        ["uuid4"] = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$",
        ["uuid5"] = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$",
    };

    private static readonly string[] Units = ["ns", "nano", "us", "µs", "micro", "ms", "milli", "s", "sec", "m", "min", "h", "hr", "hour", "d", "day", "w", "wk", "week"];

    /// <summary>Units that may go on: <c>5 hours</c>.</summary>
    private static readonly string[] LongUnits = ["nano", "micro", "milli", "sec", "min", "hour", "day", "week"];

    public static bool Has(string text, string format)
    {
        var name = format.Replace("-", "", StringComparison.Ordinal);
        if (Patterns.TryGetValue(name, out var pattern)) return IsOfLength(text, name) && GoPattern.Compile(pattern).IsMatch(text);
        return name switch
        {
            "date" => IsDate(text),
            "datetime" => IsTime(text),
            "duration" => IsDuration(text),
            "ipv4" => IsAddress(text, AddressFamily.InterNetwork),
            "ipv6" => IsAddress(text, AddressFamily.InterNetworkV6),
            "cidr" => IsNetwork(text),
            "uri" => text.StartsWith('/') || Uri.TryCreate(text, UriKind.Absolute, out _),
            _ => true, // as upstream: a format it does not know says nothing
        };
    }

    private static bool IsOfLength(string text, string name) => name switch
    {
        "hostname" => text.Length <= HostnameMax && text.Split('.').All(label => label.Length <= ShortNameMax),
        "k8sshortname" => text.Length <= ShortNameMax,
        "k8slongname" => text.Length <= LongNameMax,
        _ => true,
    };

    private static bool IsDate(string text) => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static bool IsTime(string text)
    {
        var parts = text.ToLowerInvariant().Split('t');
        return parts.Length > 1 && IsDate(parts[0]) && GoPattern.Compile("^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](.[0-9]+)?(z|[+-][0-9]{2}:[0-9]{2})$").IsMatch(parts[1]);
    }

    /// <summary>Go's, or words in which a number with a unit occurs: <c>2 days</c>.</summary>
    private static bool IsDuration(string text)
    {
        if (GoDuration.Parse(text) is not null) return true;
        foreach (var match in GoPattern.Compile(@"[0-9]+\s*[A-Za-zµ]+").EnumerateMatches(text))
        {
            var unit = text.Substring(match.Index, match.Length).TrimStart("0123456789 \t\n\r\f\v".ToCharArray()).ToLowerInvariant();
            if (Units.Contains(unit) || LongUnits.Any(known => unit.StartsWith(known, StringComparison.Ordinal))) return true;
        }
        return false;
    }

    private static bool IsAddress(string text, AddressFamily family) => !text.Contains('%') && !text.Contains('[') && IPAddress.TryParse(text, out var address) && address.AddressFamily == family
        && (family == AddressFamily.InterNetworkV6 || text.Count(c => c == '.') == 3);

    /// <summary>An address with the length of its network: the bits after that may be anything.</summary>
    private static bool IsNetwork(string text)
    {
        var at = text.IndexOf('/', StringComparison.Ordinal);
        if (at < 0 || !int.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var bits)) return false;
        var address = text[..at];
        return (IsAddress(address, AddressFamily.InterNetwork) && bits <= 32) || (IsAddress(address, AddressFamily.InterNetworkV6) && bits <= 128);
    }
}
