using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>What an access review must say; upstream's messages.</summary>
internal static class AccessReviewRules
{
    public static FieldErrors Validate(AccessReviewScope scope, JsonObject review)
    {
        var errors = new FieldErrors();
        var spec = review.Object("spec");
        var (resource, path) = (spec.Object("resourceAttributes"), spec.Object("nonResourceAttributes"));
        if (resource is not null && path is not null) InvalidPath(errors, path, "cannot be specified in combination with resourceAttributes");
        if (resource is null && path is null)
            errors.Add(new FieldError(FieldErrorType.Invalid, "spec.resourceAttributes", "null", "exactly one of nonResourceAttributes or resourceAttributes must be specified"));
        if (scope != AccessReviewScope.OwnSubject && spec.Text("user").Length == 0 && spec.Count("groups") == 0)
            errors.Add(new FieldError(FieldErrorType.Invalid, "spec.user", "\"\"", "at least one of user or group must be specified"));
        if (resource is not null)
        {
            ValidateSelector(errors, resource.Object("fieldSelector"), "spec.resourceAttributes.fieldSelector", areLabels: false);
            ValidateSelector(errors, resource.Object("labelSelector"), "spec.resourceAttributes.labelSelector", areLabels: true);
        }
        ValidateMetadata(errors, review.Object("metadata"), scope == AccessReviewScope.AnySubjectInNamespace);
        if (scope != AccessReviewScope.AnySubjectInNamespace) return errors;
        if (resource is not null && resource.Text("namespace") != review.ObjectNamespace())
            errors.Invalid("spec.resourceAttributes.namespace", resource.Text("namespace"), "must match metadata.namespace");
        if (path is not null) InvalidPath(errors, path, "disallowed on this kind of request");
        return errors;
    }

    /// <summary>Upstream shows its internal struct.</summary>
    private static void InvalidPath(FieldErrors errors, JsonObject path, string why) =>
        errors.Add(new FieldError(FieldErrorType.Invalid, "spec.nonResourceAttributes", $$"""{"Path":{{FieldError.Quote(path.Text("path"))}},"Verb":{{FieldError.Quote(path.Text("verb"))}}}""", why));

    private static void ValidateMetadata(FieldErrors errors, JsonObject? metadata, bool mayHaveNamespace)
    {
        if (metadata is null) return;
        var given = metadata.Where(field => field.Key is not ("managedFields" or "creationTimestamp") && !(mayHaveNamespace && field.Key == "namespace") && field.Value is not null).ToList();
        if (given.Count > 0) errors.Invalid("metadata", metadata, mayHaveNamespace ? "must be empty except for namespace" : "must be empty");
    }

    private static void ValidateSelector(FieldErrors errors, JsonObject? selector, string field, bool areLabels)
    {
        if (selector is null) return;
        var raw = selector.Text("rawSelector");
        var requirements = selector.Count("requirements");
        if (raw.Length > 0 && requirements > 0) errors.Invalid($"{field}.rawSelector", raw, "may not specified at the same time as requirements");
        if (raw.Length == 0 && requirements == 0) errors.Required($"{field}.requirements", $"when {field} is specified, requirements or rawSelector is required");
        foreach (var (index, requirement) in selector.Items("requirements")) ValidateRequirement(errors, requirement, $"{field}.requirements[{index}]", areLabels);
    }

    /// <summary>Operators that this server does not know are let through: a newer client may ask.</summary>
    private static void ValidateRequirement(FieldErrors errors, JsonObject requirement, string field, bool areLabels)
    {
        if (requirement.Text("key").Length == 0 && !areLabels) errors.Required($"{field}.key", "must be specified");
        switch (requirement.Text("operator"))
        {
            case "In" or "NotIn" when requirement.Count("values") == 0:
                errors.Required($"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'");
                break;
            case "Exists" or "DoesNotExist" when requirement.Count("values") > 0:
                errors.Forbidden($"{field}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
                break;
        }
        if (!areLabels) return;
        foreach (var why in Api.Selectors.LabelRules.KeyErrors(requirement.Text("key"))) errors.Invalid($"{field}.key", requirement.Text("key"), why);
        foreach (var (index, value) in requirement.Texts("values").Index())
            foreach (var why in Api.Selectors.LabelRules.ValueErrors(value)) errors.Invalid($"{field}.values[{index}]", value, why);
    }
}
