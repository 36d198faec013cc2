using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.PodSecurity;

/// <summary>What a namespace's labels ask for. Labels that cannot be read are errors and count as restricted for enforce, as privileged for warn.</summary>
/// <param name="Audit">Told nobody here; shown where a policy is.</param>
internal sealed record NamespacePolicy(LevelVersion Enforce, LevelVersion Audit, LevelVersion Warn, FieldErrors Errors)
{
    public static readonly NamespacePolicy Privileged = new(LevelVersion.Privileged, LevelVersion.Privileged, LevelVersion.Privileged, new FieldErrors());

    public const string Prefix = "pod-security.kubernetes.io/";

    /// <param name="defaults">What holds where the labels say nothing.</param>
    /// <param name="inheritsEnforce">Who enforces by label is warned too.</param>
    public static NamespacePolicy Read(JsonObject? labels, NamespacePolicy defaults, bool inheritsEnforce = true)
    {
        var errors = new FieldErrors();
        var enforceLevel = ReadLevel(labels, "enforce", PodSecurityLevel.Restricted, errors, out var enforceIsGood);
        var enforce = new LevelVersion(enforceLevel ?? defaults.Enforce.Level, ReadVersion(labels, "enforce", errors) ?? defaults.Enforce.Version);
        var audit = new LevelVersion(ReadLevel(labels, "audit", PodSecurityLevel.Privileged, errors, out _) ?? defaults.Audit.Level, ReadVersion(labels, "audit", errors) ?? defaults.Audit.Version);
        var warnLevel = ReadLevel(labels, "warn", PodSecurityLevel.Privileged, errors, out _);
        var warnVersion = ReadVersion(labels, "warn", errors);
        var warn = new LevelVersion(warnLevel ?? defaults.Warn.Level, warnVersion ?? defaults.Warn.Version);
        // Who enforces is warned too, about controllers whose pods will not come.
        if (inheritsEnforce && warnLevel is null && enforceLevel is not null && enforceIsGood && enforce.Level > warn.Level) warn = new LevelVersion(enforce.Level, warnVersion ?? enforce.Version);
        return new NamespacePolicy(enforce, audit, warn, errors);
    }

    private static PodSecurityLevel? ReadLevel(JsonObject? labels, string mode, PodSecurityLevel onError, FieldErrors errors, out bool isGood)
    {
        isGood = true;
        if (labels.TextOrNull(Prefix + mode) is not { } text) return null;
        switch (text)
        {
            case "privileged": return PodSecurityLevel.Privileged;
            case "baseline": return PodSecurityLevel.Baseline;
            case "restricted": return PodSecurityLevel.Restricted;
        }
        isGood = false;
        errors.Invalid($"metadata.labels[{Prefix}{mode}]", text, "must be one of privileged, baseline, restricted");
        return onError;
    }

    private static PolicyVersion? ReadVersion(JsonObject? labels, string mode, FieldErrors errors)
    {
        if (labels.TextOrNull($"{Prefix}{mode}-version") is not { } text) return null;
        if (!PolicyVersion.TryParse(text, out var version)) errors.Invalid($"metadata.labels[{Prefix}{mode}-version]", text, "must be \"latest\" or \"v1.x\"");
        return version;
    }
}
