namespace Bramble.Api.Naming;

/// <summary>Rules for object names with upstream's messages (apimachinery api/validation). The complaints; empty when the name is right.</summary>
public static class Names
{
    /// <param name="isPrefix">True for generateName: a trailing dash is allowed.</param>
    public static IReadOnlyList<string> DnsSubdomain(string name, bool isPrefix = false) => Formats.DnsSubdomain(isPrefix ? MaskTrailingDash(name) : name);

    public static IReadOnlyList<string> DnsLabel(string name, bool isPrefix = false) => Formats.DnsLabel(isPrefix ? MaskTrailingDash(name) : name);

    public static IReadOnlyList<string> Dns1035Label(string name, bool isPrefix = false) => Formats.Dns1035Label(isPrefix ? MaskTrailingDash(name) : name);

    /// <summary>A name that is one segment of a path (RBAC objects).</summary>
    public static IReadOnlyList<string> PathSegment(string name, bool isPrefix = false)
    {
        if (!isPrefix && name is "." or "..") return [$"may not be '{name}'"];
        if (!name.AsSpan().ContainsAny('/', '%')) return [];
        var errors = new List<string>();
        foreach (var c in "/%")
            if (name.Contains(c)) errors.Add($"may not contain '{c}'");
        return errors;
    }

    // Upstream drops the character before the dash too; what remains decides.
    private static string MaskTrailingDash(string name) => name.Length > 1 && name[^1] == '-' ? name[..^2] + "a" : name;
}
