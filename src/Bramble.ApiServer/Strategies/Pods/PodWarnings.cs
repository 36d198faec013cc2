using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Warnings about pod specs: what is deprecated, ignored or easily misunderstood. Behaviour of pkg/api/pod/warnings.</summary>
internal static class PodWarnings
{
    private static readonly (string Key, string Message)[] Annotations =
    [
        ("scheduler.alpha.kubernetes.io/critical-pod", "non-functional in v1.16+; use the \"priorityClassName\" field instead"),
        ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
        ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    ];

    private static readonly (string Source, string Shown, string Message)[] Volumes =
    [
        ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
        ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
        ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
        ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
        ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
        ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
        ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
        ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
        ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ];

    public static IEnumerable<string> OfPod(JsonObject pod)
    {
        if (Formats.DnsLabel(pod.ObjectName()) is { Count: > 0 } complaints)
            yield return $"metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: {GoList(complaints)}";
        foreach (var warning in Of(pod, null)) yield return warning;
    }

    /// <summary>A name that becomes part of Pod names.</summary>
    public static IEnumerable<string> OfOwnerName(JsonObject owner)
    {
        if (Formats.DnsLabel(owner.ObjectName()) is { Count: > 0 } complaints)
            yield return $"metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: {GoList(complaints)}";
    }

    /// <summary>Warnings about a controller whose Pods are named after it; on an update only when something of it changed.</summary>
    public static IEnumerable<string> OfController(JsonObject controller, JsonObject? old)
    {
        var (template, path) = (controller.Object("spec").Object("template"), FieldPath.Spec.Child("template"));
        if (old is null) return [.. OfOwnerName(controller), .. Of(template, path)];
        return controller.Generation() != old.Generation() ? Of(template, path) : [];
    }

    /// <summary>As Go prints a list of strings.</summary>
    public static string GoList(IReadOnlyList<string> items) => $"[{string.Join(' ', items)}]";

    /// <param name="path">Of the template; null for a Pod.</param>
    public static IEnumerable<string> Of(JsonObject? template, FieldPath? path)
    {
        var (spec, annotations) = (template.Object("spec") ?? [], template.Annotations());
        var (specPath, annotationPath) = (At(path, "spec"), At(path, "metadata").Child("annotations"));
        var warnings = new List<string>();
        Nodes(spec, specPath, warnings);
        foreach (var (key, message) in Annotations)
            if (annotations.Has(key)) warnings.Add($"{annotationPath.Key(key)}: {message}");
        foreach (var (index, volume) in spec.Items("volumes"))
        {
            foreach (var (source, shown, message) in Volumes)
                if (volume.Has(source)) warnings.Add($"{specPath.Child("volumes").Index(index).Child(shown)}: {message}");
            if (volume.Object("ephemeral").Object("volumeClaimTemplate").Object("spec") is { } claim)
                StorageWarnings.OfClaim(claim, specPath.Child("volumes").Index(index).Child("ephemeral", "volumeClaimTemplate").Child("spec"), warnings);
        }

        OverlappingPaths.Add(spec, warnings);
        Duplicates(spec, "hostAliases", "ip", specPath, warnings);
        Duplicates(spec, "imagePullSecrets", "name", specPath, warnings);
        foreach (var (index, secret) in spec.Items("imagePullSecrets"))
            if (secret.Text("name").Length == 0) warnings.Add($"{specPath.Child("imagePullSecrets").Index(index).Child("name")}: invalid empty name \"\"");
        Fractions(spec.Object("overhead"), specPath.Child("overhead"), warnings);
        if (!spec.Object("securityContext").Has("seccompProfile") && annotations.Has(SeccompAnnotations.Pod))
            warnings.Add($"{annotationPath.Key(SeccompAnnotations.Pod)}: non-functional in v1.27+; use the \"seccompProfile\" field instead");
        foreach (var list in PodDefaults.ContainerLists)
            foreach (var (index, container) in spec.Items(list)) Container(container, spec, annotations, path is not null, annotationPath, specPath.Child(list).Index(index), warnings);
        PortWarnings.Add(spec, specPath, warnings);
        if (spec.Long("terminationGracePeriodSeconds") < 0)
            warnings.Add($"{specPath.Child("terminationGracePeriodSeconds")}: must be >= 0; negative values are invalid and will be treated as 1");
        PodAffinity(spec, specPath.Child("affinity"), warnings);
        var position = 0;
        foreach (var server in spec.Object("dnsConfig").Texts("nameservers"))
            if (IpRules.Warning(specPath.Child("dnsConfig", "nameservers").Index(position++), server) is { } warning) warnings.Add(warning);
        foreach (var (index, alias) in spec.Items("hostAliases"))
            if (IpRules.Warning(specPath.Child("hostAliases").Index(index).Child("ip"), alias.Text("ip")) is { } warning) warnings.Add(warning);
        return warnings;
    }

    private static FieldPath At(FieldPath? path, string name) => path?.Child(name) ?? FieldPath.Of(name);

    private static void Nodes(JsonObject spec, FieldPath path, List<string> warnings)
    {
        foreach (var (key, _) in spec.TextMap("nodeSelector"))
            if (NodeLabels.Deprecation(key) is { } message) warnings.Add($"{path.Child("nodeSelector").Key(key)}: {message}");
        var (affinity, at) = (spec.Object("affinity").Object("nodeAffinity"), path.Child("affinity", "nodeAffinity"));
        const string required = "requiredDuringSchedulingIgnoredDuringExecution", preferred = "preferredDuringSchedulingIgnoredDuringExecution";
        foreach (var (index, term) in affinity.Object(required).Items("nodeSelectorTerms")) NodeLabels.Term(term, false, at.Child(required, "nodeSelectorTerms").Index(index), warnings);
        foreach (var (index, term) in affinity.Items(preferred)) NodeLabels.Term(term.Object("preference"), true, at.Child(preferred).Index(index).Child("preference"), warnings);
        foreach (var (index, constraint) in spec.Items("topologySpreadConstraints"))
        {
            var (item, key) = (path.Child("topologySpreadConstraints").Index(index), constraint.Text("topologyKey"));
            if (NodeLabels.Deprecation(key) is { } message) warnings.Add($"{item.Child("topologyKey")}: {key} is {message}");
            if (!constraint.Has("labelSelector")) warnings.Add($"{item.Child("labelSelector")}: a null labelSelector results in matching no pod");
        }
    }

    private static void Duplicates(JsonObject spec, string list, string field, FieldPath path, List<string> warnings)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, item) in spec.Items(list))
            if (!seen.Add(item.Text(field))) warnings.Add($"{path.Child(list).Index(index).Child(field)}: duplicate {field} {FieldError.Quote(item.Text(field))}");
    }

    private static void Fractions(JsonObject? amounts, FieldPath path, List<string> warnings)
    {
        foreach (var name in (ReadOnlySpan<string>)["memory", "ephemeral-storage"])
            if (ResourceRules.Amount(amounts, name) is { } amount && amount.ToMillis() % 1000 != 0)
                warnings.Add($"{path.Key(name)}: fractional byte value {FieldError.Quote(amount.ToString())} is invalid, must be an integer");
    }

    private static void Container(JsonObject container, JsonObject spec, JsonObject? annotations, bool isTemplate, FieldPath annotationPath, FieldPath path, List<string> warnings)
    {
        var name = container.Text("name");
        if (!container.Object("securityContext").Has("seccompProfile") && annotations.Has(SeccompAnnotations.ContainerPrefix + name))
            warnings.Add($"{annotationPath.Key(SeccompAnnotations.ContainerPrefix + name)}: non-functional in v1.27+; use the \"seccompProfile\" field instead");
        var (key, pod) = (AppArmor.AnnotationPrefix + name, spec.Object("securityContext").Object("appArmorProfile"));
        // In a Pod the annotation has become the field by now: there a field that says the same is the annotation's.
        var field = container.Object("securityContext").Object("appArmorProfile");
        if (annotations.TextOrNull(key) is { } annotation
            && (isTemplate ? field is null && (pod is null || !TreeEquality.Same(pod, AppArmor.Profile(annotation))) : TreeEquality.Same(field, AppArmor.Profile(annotation)) && field is not null))
            warnings.Add($"{annotationPath.Key(key)}: deprecated since v1.30; use the \"appArmorProfile\" field instead");
        foreach (var resource in (ReadOnlySpan<string>)["memory", "ephemeral-storage"])
        {
            foreach (var list in (ReadOnlySpan<string>)["limits", "requests"])
                if (ResourceRules.Amount(container.Object("resources").Object(list), resource) is { } amount && amount.ToMillis() % 1000 != 0)
                    warnings.Add($"{path.Child("resources", list).Key(resource)}: fractional byte value {FieldError.Quote(amount.ToString())} is invalid, must be an integer");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, variable) in container.Items("env"))
        {
            if (seen.Add(variable.Text("name"))) continue;
            var (value, reference) = (variable.Text("value"), $"$({variable.Text("name")})");
            if (variable.Has("valueFrom") || value == reference || !value.Contains(reference, StringComparison.Ordinal))
                warnings.Add($"{path.Child("env").Index(index)}: hides previous definition of {FieldError.Quote(variable.Text("name"))}, which may be dropped when using apply");
        }
    }

    private static void PodAffinity(JsonObject spec, FieldPath path, List<string> warnings)
    {
        foreach (var kind in (ReadOnlySpan<string>)["podAffinity", "podAntiAffinity"])
        {
            var affinity = spec.Object("affinity").Object(kind);
            const string required = "requiredDuringSchedulingIgnoredDuringExecution", preferred = "preferredDuringSchedulingIgnoredDuringExecution";
            foreach (var (index, term) in affinity.Items(required))
                if (!term.Has("labelSelector")) warnings.Add($"{path.Child(kind, required).Index(index).Child("labelSelector")}: a null labelSelector results in matching no pod");
            foreach (var (index, term) in affinity.Items(preferred))
                if (!term.Object("podAffinityTerm").Has("labelSelector"))
                    warnings.Add($"{path.Child(kind, preferred).Index(index).Child("podAffinityTerm", "labelSelector")}: a null labelSelector results in matching no pod");
        }
    }
}
