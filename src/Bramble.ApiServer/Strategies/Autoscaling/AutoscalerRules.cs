using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of HorizontalPodAutoscalers, in both versions.</summary>
internal static class AutoscalerRules
{
    private static readonly string[] MetricTypes = ["ContainerResource", "External", "Object", "Pods", "Resource"];

    public static void Validate(JsonObject autoscaler, JsonObject? old, FieldErrors errors)
    {
        var (spec, before, path) = (autoscaler.Object("spec") ?? [], old.Object("spec"), FieldPath.Spec);
        var (min, max) = (spec.LongOrNull("minReplicas"), spec.Long("maxReplicas"));
        var lowest = before.LongOrNull("minReplicas") == 0 ? 0 : 1;
        if (min < lowest) errors.Invalid(path.Child("minReplicas"), min, $"must be greater than or equal to {lowest}");
        if (max == 0) errors.Required(path.Child("maxReplicas"), "must be set and greater than 0");
        else if (max < 0) errors.Invalid(path.Child("maxReplicas"), max, "must be greater than or equal to 1");
        if (max < min) errors.Invalid(path.Child("maxReplicas"), max, "must be greater than or equal to `minReplicas`");
        var (target, oldTarget) = (spec.Object("scaleTargetRef") ?? [], before.Object("scaleTargetRef"));
        var isSameKind = before is not null && !target.Differs(oldTarget, "apiVersion") && !target.Differs(oldTarget, "kind");
        Reference(target, path.Child("scaleTargetRef"), !isSameKind, target.Text("kind") == "ReplicationController", errors);
        if (autoscaler.Text("apiVersion") == "autoscaling/v1")
        {
            if (spec.LongOrNull("targetCPUUtilizationPercentage") is < 1 and var percent)
                errors.Invalid(path.Child("metrics").Index(0).Child("resource", "target").Child("averageUtilization"), percent, "must be greater than 0");
            return;
        }

        Metrics(spec, before, path.Child("metrics"), errors);
        foreach (var direction in (ReadOnlySpan<string>)["scaleUp", "scaleDown"])
            if (spec.Object("behavior").Object(direction) is { } rules) Scaling(rules, path.Child("behavior", direction), errors);
    }

    public static void ValidateStatus(JsonObject autoscaler, FieldErrors errors) =>
        WorkloadRules.CountsAreNotNegative(autoscaler.Object("status") ?? [], errors, "currentReplicas", "desiredReplicas");

    private static void Reference(JsonObject reference, FieldPath path, bool checksVersion, bool mayBeCore, FieldErrors errors)
    {
        foreach (var field in (ReadOnlySpan<string>)["kind", "name"])
        {
            if (reference.Text(field) is { Length: > 0 } value) errors.InvalidEach(path.Child(field), value, Names.PathSegment(value));
            else errors.Required(path.Child(field));
        }

        var version = reference.Text("apiVersion");
        if (checksVersion && VersionError(version, mayBeCore) is { } complaint) errors.Invalid(path.Child("apiVersion"), version, complaint);
    }

    private static string? VersionError(string version, bool mayBeCore)
    {
        if (version.Count(c => c == '/') > 1) return $"unexpected GroupVersion string: {version}";
        return !mayBeCore && version.IndexOf('/', StringComparison.Ordinal) <= 0 ? "apiVersion must specify API group" : null;
    }

    private static void Metrics(JsonObject spec, JsonObject? before, FieldPath path, FieldErrors errors)
    {
        var hadWrongVersion = false;
        foreach (var (_, metric) in before.Items("metrics"))
            hadWrongVersion |= metric.Text("type") == "Object" && metric.Object("object") is { } source && VersionError(source.Object("describedObject").Text("apiVersion"), mayBeCore: true) is not null;
        var hasOutside = false;
        foreach (var (index, metric) in spec.Items("metrics"))
        {
            Metric(metric, path.Index(index), !hadWrongVersion, errors);
            hasOutside |= metric.Text("type") is "Object" or "External";
        }

        if (spec.LongOrNull("minReplicas") == 0 && !hasOutside) errors.Forbidden(path, "must specify at least one Object or External metric to support scaling to zero replicas");
    }

    private static void Metric(JsonObject metric, FieldPath path, bool checksVersion, FieldErrors errors)
    {
        var type = metric.Text("type");
        if (type.Length == 0) errors.Required(path.Child("type"), "must specify a metric source type");
        if (!MetricTypes.Contains(type)) errors.NotSupported(path.Child("type"), type, MetricTypes);
        var present = new List<string>();
        foreach (var name in (ReadOnlySpan<string>)["object", "external", "pods", "resource", "containerResource"])
        {
            if (metric.Object(name) is not { } source) continue;
            present.Add(name);
            if (present.Count == 1) Source(name, source, path.Child(name), checksVersion, errors);
        }

        string expected;
        if (MetricTypes.Contains(type))
        {
            expected = char.ToLowerInvariant(type[0]) + type[1..];
            if (!present.Contains(expected)) errors.Required(path.Child(expected), "must populate information for the given metric source");
        }
        else
        {
            expected = "";
            errors.NotSupported(path.Child("type"), type, MetricTypes);
        }

        if (present.Count == 1) return;
        foreach (var name in present)
            if (name != expected) errors.Forbidden(path.Child(name), "must populate the given metric source only");
    }

    private static void Source(string name, JsonObject source, FieldPath path, bool checksVersion, FieldErrors errors)
    {
        var (target, at) = (source.Object("target") ?? [], path.Child("target"));
        var (hasValue, hasAverage, hasUse) = (target.Has("value"), target.Has("averageValue"), target.Has("averageUtilization"));
        switch (name)
        {
            case "object":
                Reference(source.Object("describedObject") ?? [], path.Child("describedObject"), checksVersion, mayBeCore: true, errors);
                Identifier(source, path, errors);
                Target(target, at, errors);
                if (!hasValue && !hasAverage) errors.Required(at.Child("averageValue"), "must set either a target value or averageValue");
                return;
            case "external":
                Identifier(source, path, errors);
                Target(target, at, errors);
                if (!hasValue && !hasAverage) errors.Required(at.Child("averageValue"), "must set either a target value for metric or a per-pod target");
                if (hasValue && hasAverage) errors.Forbidden(at.Child("value"), "may not set both a target value for metric and a per-pod target");
                return;
            case "pods":
                Identifier(source, path, errors);
                Target(target, at, errors);
                if (!hasAverage) errors.Required(at.Child("averageValue"), "must specify a positive target averageValue");
                return;
        }

        if (source.Text("name").Length == 0) errors.Required(path.Child("name"), "must specify a resource name");
        else if (name == "containerResource") ResourceRules.ContainerName(source.Text("name"), path.Child("name"), errors);
        if (name == "containerResource")
        {
            if (source.Text("container") is { Length: > 0 } container) errors.InvalidEach(path.Child("container"), container, Formats.DnsLabel(container));
            else errors.Required(path.Child("container"), "must specify a container");
        }

        Target(target, at, errors);
        if (!hasUse && !hasAverage) errors.Required(at.Child("averageUtilization"), "must set either a target raw value or a target utilization");
        if (hasUse && hasAverage) errors.Forbidden(at.Child("averageValue"), "may not set both a target raw value and a target utilization");
    }

    private static void Identifier(JsonObject source, FieldPath path, FieldErrors errors)
    {
        var at = path.Child("metric", "name");
        if (source.Object("metric").Text("name") is { Length: > 0 } name) errors.InvalidEach(at, name, Names.PathSegment(name));
        else errors.Required(at, "must specify a metric name");
    }

    private static void Target(JsonObject target, FieldPath path, FieldErrors errors)
    {
        var type = target.Text("type");
        if (type.Length == 0) errors.Required(path.Child("type"), "must specify a metric target type");
        if (type is not ("Utilization" or "Value" or "AverageValue")) errors.Invalid(path.Child("type"), type, "must be either Utilization, Value, or AverageValue");
        foreach (var field in (ReadOnlySpan<string>)["value", "averageValue"])
            if (ResourceRules.Amount(target, field) is { Sign: <= 0 } amount) errors.Invalid(path.Child(field), amount.ToString(), "must be positive");
        if (target.LongOrNull("averageUtilization") is < 1 and var use) errors.Invalid(path.Child("averageUtilization"), use, "must be greater than 0");
    }

    private static void Scaling(JsonObject rules, FieldPath path, FieldErrors errors)
    {
        if (rules.LongOrNull("stabilizationWindowSeconds") is { } window)
        {
            if (window < 0) errors.Invalid(path.Child("stabilizationWindowSeconds"), window, "must be greater than or equal to zero");
            if (window > 3600) errors.Invalid(path.Child("stabilizationWindowSeconds"), window, "must be less than or equal to 3600");
        }

        EnumRules.Optional(rules, "selectPolicy", path, errors, "Disabled", "Max", "Min");
        if (rules.Count("policies") == 0) errors.Required(path.Child("policies"), "must specify at least one Policy");
        foreach (var (index, policy) in rules.Items("policies"))
        {
            var (at, seconds) = (path.Child("policies").Index(index), policy.Long("periodSeconds"));
            if (policy.Text("type") is not ("Pods" or "Percent")) errors.NotSupported(at.Child("type"), policy.Text("type"), ["Percent", "Pods"]);
            if (policy.Long("value") <= 0) errors.Invalid(at.Child("value"), policy.Long("value"), "must be greater than zero");
            if (seconds <= 0) errors.Invalid(at.Child("periodSeconds"), seconds, "must be greater than zero");
            if (seconds > 1800) errors.Invalid(at.Child("periodSeconds"), seconds, "must be less than or equal to 1800");
        }

        if (ResourceRules.Amount(rules, "tolerance") is { Sign: < 0 } tolerance) errors.Invalid(path.Child("tolerance"), tolerance.ToString(), NumberRules.NotNegative);
    }
}
