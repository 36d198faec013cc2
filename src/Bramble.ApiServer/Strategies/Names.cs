using System.Text.RegularExpressions;

namespace Bramble.ApiServer.Strategies;

/// <summary>Name rules with upstream's messages (apimachinery util/validation, RFC 1123).</summary>
public static partial class Names
{
    private const string SubdomainFormat = @"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
    private const string LabelFormat = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

    [GeneratedRegex($"^{SubdomainFormat}\\z")]
    private static partial Regex Subdomain();

    [GeneratedRegex($"^{LabelFormat}\\z")]
    private static partial Regex Label();

    [GeneratedRegex("^[a-z]([-a-z0-9]*[a-z0-9])?\\z")]
    private static partial Regex Label1035();

    /// <param name="isPrefix">True for generateName: a trailing dash is allowed.</param>
    public static IEnumerable<string> DnsSubdomain(string name, bool isPrefix = false)
    {
        if (isPrefix) name = MaskTrailingDash(name);
        if (name.Length > 253) yield return "must be no more than 253 bytes";
        if (!Subdomain().IsMatch(name))
            yield return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character "
                + $"(e.g. 'example.com', regex used for validation is '{SubdomainFormat}')";
    }

    public static IEnumerable<string> DnsLabel(string name, bool isPrefix = false)
    {
        if (isPrefix) name = MaskTrailingDash(name);
        if (name.Length > 63) yield return "must be no more than 63 bytes";
        if (!Label().IsMatch(name))
            yield return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character "
                + $"(e.g. 'my-name',  or '123-abc', regex used for validation is '{LabelFormat}')";
    }

    public static IEnumerable<string> Dns1035Label(string name, bool isPrefix = false)
    {
        if (isPrefix) name = MaskTrailingDash(name);
        if (name.Length > 63) yield return "must be no more than 63 bytes";
        if (!Label1035().IsMatch(name))
            yield return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character "
                + "(e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    }

    /// <summary>A name that is one segment of a path (RBAC objects).</summary>
    public static IEnumerable<string> PathSegment(string name, bool isPrefix = false)
    {
        if (!isPrefix && name is "." or "..") yield return $"may not be '{name}'";
        foreach (var c in "/%")
            if (name.Contains(c)) yield return $"may not contain '{c}'";
    }

    private static string MaskTrailingDash(string name) => name.Length > 1 && name[^1] == '-' ? name[..^1] + "a" : name;
}
