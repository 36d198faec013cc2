using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of StatefulSets.</summary>
internal static class StatefulSetRules
{
    /// <param name="wasInvalid">Of an update whose old object is invalid already: its template is not asked about again.</param>
    public static void Validate(JsonObject set, FieldErrors errors, bool isUpdate = false, bool wasInvalid = false)
    {
        var (spec, path) = (set.Object("spec") ?? [], FieldPath.Spec);
        var management = spec.Text("podManagementPolicy");
        if (management.Length == 0) errors.Required(path.Child("podManagementPolicy"));
        else if (management is not ("OrderedReady" or "Parallel")) errors.Invalid(path.Child("podManagementPolicy"), management, "must be 'OrderedReady' or 'Parallel'");
        UpdateStrategy(spec.Object("updateStrategy") ?? [], path.Child("updateStrategy"), errors);
        var retention = spec.Object("persistentVolumeClaimRetentionPolicy");
        foreach (var when in (ReadOnlySpan<string>)["whenDeleted", "whenScaled"])
            if (retention is not null && retention.Text(when) is not ("Retain" or "Delete")) errors.NotSupported(path.Child("persistentVolumeClaimRetentionPolicy", when), retention.Text(when), ["Retain", "Delete"]);
        if (!isUpdate)
            foreach (var (index, claim) in spec.Items("volumeClaimTemplates")) ClaimRules.ValidateSpec(claim.Object("spec") ?? [], path.Child("volumeClaimTemplates").Index(index).Child("spec"), errors);
        NumberRules.NonNegative(spec.Long("replicas"), path.Child("replicas"), errors);
        NumberRules.NonNegative(spec.Long("minReadySeconds"), path.Child("minReadySeconds"), errors);
        NumberRules.NonNegative(spec.Object("ordinals").Long("start"), path.Child("ordinals.start"), errors);
        if (!isUpdate && spec.Text("serviceName") is { Length: > 0 } service) errors.InvalidEach(path.Child("serviceName"), service, Formats.DnsLabel(service));
        WorkloadRules.Selector(spec, "statefulset", errors);
        if (WorkloadRules.IsReadable(spec.Object("selector"))) Template(spec, path.Child("template"), errors, wasInvalid);
        else errors.Invalid(path.Child("selector"), InternalStruct.ShowSelector(spec["selector"]), "");
        WorkloadRules.RunsForEver(spec, "StatefulSet", path.Child("template"), errors);
    }

    /// <summary>The pods' own hostname and subdomain, and a volume for each claim template, are filled in by the controller.</summary>
    private static void Template(JsonObject spec, FieldPath path, FieldErrors errors, bool wasInvalid)
    {
        var template = (JsonObject)(spec.Object("template") ?? []).DeepClone();
        var pod = template.Child("spec");
        pod.Remove("subdomain");
        pod.Remove("hostname");
        var claimed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (_, claim) in spec.Items("volumeClaimTemplates")) claimed.Add(claim.ObjectName());
        if (claimed.Count > 0)
        {
            var volumes = new JsonArray();
            foreach (var name in claimed) volumes.Add((JsonNode)new JsonObject { ["name"] = name, ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = name } });
            foreach (var (_, volume) in pod.Items("volumes"))
                if (!claimed.Contains(volume.Text("name"))) volumes.Add(volume.DeepClone());
            pod["volumes"] = volumes;
        }

        PodTemplateRules.LabelsMatch(spec.Object("selector"), template, path, errors);
        if (!wasInvalid) PodTemplateRules.Validate(template, path, errors);
        // Upstream looks at these twice, and says so.
        LabelRules.Validate(template.Labels(), path.Child("labels"), errors);
        AnnotationRules.Validate(template.Annotations(), path.Child("annotations"), errors);
        PodAnnotationRules.Validate(template.Annotations(), pod, path.Child("annotations"), errors);
    }

    private static void UpdateStrategy(JsonObject strategy, FieldPath path, FieldErrors errors)
    {
        var rolling = strategy.Object("rollingUpdate");
        var at = path.Child("rollingUpdate");
        switch (strategy.Text("type"))
        {
            case "":
                errors.Required(path);
                break;
            case "OnDelete":
                if (rolling is not null) errors.Invalid(at, InternalStruct.Show(rolling, "apps.v1.RollingUpdateStatefulSetStrategy"), "only allowed for updateStrategy 'RollingUpdate'");
                break;
            case "RollingUpdate":
                if (rolling is null) break;
                NumberRules.NonNegative(rolling.Long("partition"), at.Child("partition"), errors);
                if (!rolling.Has("maxUnavailable")) break;
                IntOrPercentRules.NotNegative(rolling["maxUnavailable"], at.Child("maxUnavailable"), errors);
                if (IntOrPercentRules.IsZero(rolling["maxUnavailable"])) errors.Invalid(at.Child("maxUnavailable"), rolling["maxUnavailable"]!.DeepClone(), "cannot be 0");
                IntOrPercentRules.NotMoreThanAll(rolling["maxUnavailable"], at.Child("maxUnavailable"), errors);
                break;
            default:
                errors.Invalid(path, InternalStruct.Show(strategy, "apps.v1.StatefulSetUpdateStrategy"), "must be 'RollingUpdate' or 'OnDelete'");
                break;
        }
    }

    public static void ValidateUpdate(JsonObject set, JsonObject old, FieldErrors errors)
    {
        // One that an older version took can still be scaled, or told to go.
        var known = new FieldErrors();
        Validate(old, known, isUpdate: true);
        Validate(set, errors, isUpdate: true, wasInvalid: known.Count > 0);
        var (spec, before) = ((JsonObject)(set.Object("spec") ?? []).DeepClone(), old.Object("spec") ?? []);
        foreach (var name in (ReadOnlySpan<string>)["replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy"])
            spec.KeepFrom(before, name);
        if (!TreeEquality.Same(spec, before))
            errors.Forbidden(
                FieldPath.Spec,
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
    }

    public static void ValidateStatus(JsonObject set, JsonObject old, FieldErrors errors)
    {
        var status = set.Object("status") ?? [];
        WorkloadRules.CountsAreNotNegative(status, errors, "replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas", "observedGeneration", "collisionCount");
        WorkloadRules.NotMoreThan(status, "replicas", "cannot be greater than status.replicas", errors, "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas");
        WorkloadRules.NotMoreThan(status, "readyReplicas", "cannot be greater than status.readyReplicas", errors, "availableReplicas");
        WorkloadRules.CollisionCountGrows(set, old, errors);
    }
}
