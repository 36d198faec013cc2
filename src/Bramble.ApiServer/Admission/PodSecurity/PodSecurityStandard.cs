using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Admission.PodSecurity;

/// <summary>Why a check refuses: a short reason and the fields at fault.</summary>
internal readonly record struct Violation(string Reason, string Detail)
{
    public override string ToString() => Detail.Length == 0 ? Reason : $"{Reason} ({Detail})";
}

/// <summary>A check as it stands from a version on. Null: nothing wrong.</summary>
internal delegate Violation? PodCheck(JsonObject? metadata, JsonObject? spec);

/// <summary>All checks of the Pod Security Standards by level and version, in upstream's order: each level's by id, baseline first.</summary>
internal static class PodSecurityStandard
{
    /// <param name="Overrides">The weaker check of the baseline that this one replaces.</param>
    private sealed record Check(string Id, PodSecurityLevel Level, int SinceMinor, PodCheck Run, string Overrides = "");

    private static readonly Check[] Checks =
    [
        new("appArmorProfile", PodSecurityLevel.Baseline, 0, BaselineChecks.AppArmorProfile),
        new("capabilities_baseline", PodSecurityLevel.Baseline, 0, BaselineChecks.Capabilities),
        new("hostNamespaces", PodSecurityLevel.Baseline, 0, BaselineChecks.HostNamespaces),
        new("hostPathVolumes", PodSecurityLevel.Baseline, 0, BaselineChecks.HostPathVolumes),
        new("hostPorts", PodSecurityLevel.Baseline, 0, BaselineChecks.HostPorts),
        new("hostProbesAndHostLifecycle", PodSecurityLevel.Baseline, 34, BaselineChecks.HostProbes),
        new("privileged", PodSecurityLevel.Baseline, 0, BaselineChecks.Privileged),
        new("procMount", PodSecurityLevel.Baseline, 0, BaselineChecks.ProcMount),
        new("procMount", PodSecurityLevel.Baseline, 35, RestrictedChecks.UnlessInUserNamespace(BaselineChecks.ProcMount)),
        new("seLinuxOptions", PodSecurityLevel.Baseline, 0, BaselineChecks.SeLinuxOptions(["", "container_t", "container_init_t", "container_kvm_t"])),
        new("seLinuxOptions", PodSecurityLevel.Baseline, 31, BaselineChecks.SeLinuxOptions(["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"])),
        new("seccompProfile_baseline", PodSecurityLevel.Baseline, 0, BaselineChecks.SeccompAnnotations),
        new("seccompProfile_baseline", PodSecurityLevel.Baseline, 19, BaselineChecks.SeccompProfile),
        new("sysctls", PodSecurityLevel.Baseline, 0, BaselineChecks.Sysctls(0)),
        new("sysctls", PodSecurityLevel.Baseline, 27, BaselineChecks.Sysctls(27)),
        new("sysctls", PodSecurityLevel.Baseline, 29, BaselineChecks.Sysctls(29)),
        new("sysctls", PodSecurityLevel.Baseline, 32, BaselineChecks.Sysctls(32)),
        new("windowsHostProcess", PodSecurityLevel.Baseline, 0, BaselineChecks.WindowsHostProcess),
        new("allowPrivilegeEscalation", PodSecurityLevel.Restricted, 8, RestrictedChecks.AllowPrivilegeEscalation),
        new("allowPrivilegeEscalation", PodSecurityLevel.Restricted, 25, RestrictedChecks.UnlessWindows(RestrictedChecks.AllowPrivilegeEscalation)),
        new("capabilities_restricted", PodSecurityLevel.Restricted, 22, RestrictedChecks.Capabilities, "capabilities_baseline"),
        new("capabilities_restricted", PodSecurityLevel.Restricted, 25, RestrictedChecks.UnlessWindows(RestrictedChecks.Capabilities), "capabilities_baseline"),
        new("procMount_restricted", PodSecurityLevel.Restricted, 35, BaselineChecks.ProcMount, "procMount"),
        new("restrictedVolumes", PodSecurityLevel.Restricted, 0, RestrictedChecks.Volumes, "hostPathVolumes"),
        new("runAsNonRoot", PodSecurityLevel.Restricted, 0, RestrictedChecks.RunAsNonRoot),
        new("runAsNonRoot", PodSecurityLevel.Restricted, 35, RestrictedChecks.UnlessInUserNamespace(RestrictedChecks.RunAsNonRoot)),
        new("runAsUser", PodSecurityLevel.Restricted, 23, RestrictedChecks.RunAsUser),
        new("runAsUser", PodSecurityLevel.Restricted, 35, RestrictedChecks.UnlessInUserNamespace(RestrictedChecks.RunAsUser)),
        new("seccompProfile_restricted", PodSecurityLevel.Restricted, 19, RestrictedChecks.SeccompProfile, "seccompProfile_baseline"),
        new("seccompProfile_restricted", PodSecurityLevel.Restricted, 25, RestrictedChecks.UnlessWindows(RestrictedChecks.SeccompProfile), "seccompProfile_baseline"),
    ];

    public static List<Violation> Evaluate(LevelVersion policy, JsonObject? metadata, JsonObject? spec)
    {
        if (policy.Level == PodSecurityLevel.Privileged) return [];
        // Of each check the newest form that the version knows.
        var active = Checks.Where(check => check.Level <= policy.Level && check.SinceMinor <= policy.Version.Minor).GroupBy(check => check.Id).Select(forms => forms.MaxBy(form => form.SinceMinor)!).ToList();
        var overridden = active.Select(check => check.Overrides).ToHashSet(StringComparer.Ordinal);
        List<Violation> violations = [];
        foreach (var check in active.Where(check => !overridden.Contains(check.Id)))
            if (check.Run(metadata, spec) is { } violation) violations.Add(violation);
        return violations;
    }
}
