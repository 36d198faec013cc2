using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;
using static Bramble.ApiServer.Admission.PodSecurity.PodWalk;

namespace Bramble.ApiServer.Admission.PodSecurity;

/// <summary>The restricted level: what a well-behaved workload gives up by itself. Words are upstream's.</summary>
internal static class RestrictedChecks
{
    private static readonly string[] AllowedVolumes = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"];

    private static readonly string[] OtherVolumes =
    [
        "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd", "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte",
        "azureDisk", "photonPersistentDisk", "portworxVolume", "scaleIO", "storageos",
    ];

    /// <summary>Windows knows none of these settings.</summary>
    public static PodCheck UnlessWindows(PodCheck check) => (metadata, spec) => spec.Object("os").Text("name") == "windows" ? null : check(metadata, spec);

    /// <summary>Root of a user namespace is nobody outside (KEP-127).</summary>
    public static PodCheck UnlessInUserNamespace(PodCheck check) => (metadata, spec) => spec.BoolOrNull("hostUsers") == false ? null : check(metadata, spec);

    public static Violation? AllowPrivilegeEscalation(JsonObject? metadata, JsonObject? spec)
    {
        var containers = Where(spec, context => context.BoolOrNull("allowPrivilegeEscalation") ?? true);
        return containers.Count == 0 ? null : new Violation("allowPrivilegeEscalation != false", $"{Named(containers)} must set securityContext.allowPrivilegeEscalation=false");
    }

    public static Violation? Capabilities(JsonObject? metadata, JsonObject? spec)
    {
        static IEnumerable<string> Added(JsonObject? context) => context.Object("capabilities").Texts("add").Where(capability => capability != "NET_BIND_SERVICE");
        var keeping = Where(spec, context => !context.Object("capabilities").Texts("drop").Contains("ALL"));
        var adding = Where(spec, context => Added(context).Any());
        List<string> details = [];
        if (keeping.Count > 0) details.Add($"{Named(keeping)} must set securityContext.capabilities.drop=[\"ALL\"]");
        if (adding.Count > 0) details.Add($"{Named(adding)} must not include {Sorted(Containers(spec).SelectMany(c => Added(c.Object("securityContext"))))} in securityContext.capabilities.add");
        return details.Count == 0 ? null : new Violation("unrestricted capabilities", string.Join("; ", details));
    }

    public static Violation? Volumes(JsonObject? metadata, JsonObject? spec)
    {
        var bad = (spec.Array("volumes")?.OfType<JsonObject>() ?? []).Where(volume => !AllowedVolumes.Any(volume.Has)).ToList();
        if (bad.Count == 0) return null;
        var types = bad.Select(volume => OtherVolumes.FirstOrDefault(volume.Has) ?? "unknown").Distinct().ToList();
        var names = $"{Plural("volume", "volumes", bad.Count)} {Quoted(bad.Select(volume => volume.Text("name")))}";
        return new Violation("restricted volume types", $"{names} {Plural("uses", "use", bad.Count)} {Plural("restricted volume type", "restricted volume types", types.Count)} {Sorted(types)}");
    }

    public static Violation? RunAsNonRoot(JsonObject? metadata, JsonObject? spec)
    {
        var ofPod = spec.Object("securityContext").BoolOrNull("runAsNonRoot");
        var explicitly = Where(spec, context => context.BoolOrNull("runAsNonRoot") == false);
        if (ofPod == false || explicitly.Count > 0) return new Violation("runAsNonRoot != true", $"{Setters(ofPod == false, explicitly)} must not set securityContext.runAsNonRoot=false");
        var implicitly = ofPod == true ? [] : Where(spec, context => context.BoolOrNull("runAsNonRoot") is null);
        return implicitly.Count == 0 ? null : new Violation("runAsNonRoot != true", $"pod or {Named(implicitly)} must set securityContext.runAsNonRoot=true");
    }

    public static Violation? RunAsUser(JsonObject? metadata, JsonObject? spec)
    {
        static bool IsRoot(JsonObject? context) => context.LongOrNull("runAsUser") == 0;
        var isPodBad = IsRoot(spec.Object("securityContext"));
        var containers = Where(spec, IsRoot);
        return !isPodBad && containers.Count == 0 ? null : new Violation("runAsUser=0", $"{Setters(isPodBad, containers)} must not set runAsUser=0");
    }

    public static Violation? SeccompProfile(JsonObject? metadata, JsonObject? spec)
    {
        if (BaselineChecks.SeccompProfile(metadata, spec) is { } bad) return bad;
        if (spec.Object("securityContext").Has("seccompProfile")) return null;
        var containers = Where(spec, context => !context.Has("seccompProfile"));
        return containers.Count == 0 ? null : new Violation("seccompProfile", $"pod or {Named(containers)} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"");
    }
}
