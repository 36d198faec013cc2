using System.Globalization;

namespace Bramble.ApiServer.Admission.PodSecurity;

/// <summary>The Pod Security Standards, from nothing forbidden to nearly everything.</summary>
internal enum PodSecurityLevel { Privileged, Baseline, Restricted }

/// <summary>A version of the standards: <c>v1.30</c>; <see cref="Latest"/> is newer than all.</summary>
internal readonly record struct PolicyVersion(int Minor)
{
    public static readonly PolicyVersion Latest = new(int.MaxValue);

    public override string ToString() => this == Latest ? "latest" : string.Create(CultureInfo.InvariantCulture, $"v1.{Minor}");

    public static bool TryParse(string text, out PolicyVersion version)
    {
        version = Latest;
        if (text == "latest") return true;
        if (!text.StartsWith("v1.", StringComparison.Ordinal) || text.Length > 10) return false;
        var minor = text[3..];
        if (minor.Length == 0 || !minor.All(char.IsAsciiDigit) || (minor.Length > 1 && minor[0] == '0')) return false;
        version = new PolicyVersion(int.Parse(minor, CultureInfo.InvariantCulture));
        return true;
    }
}

/// <summary>A level in a version, shown as <c>restricted:latest</c>.</summary>
internal readonly record struct LevelVersion(PodSecurityLevel Level, PolicyVersion Version)
{
    public static readonly LevelVersion Privileged = new(PodSecurityLevel.Privileged, PolicyVersion.Latest);

    public override string ToString() => $"{Level.ToString().ToLowerInvariant()}:{Version}";
}
