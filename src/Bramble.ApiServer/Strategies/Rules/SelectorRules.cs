using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Label selectors (meta/v1 LabelSelector).</summary>
internal static class SelectorRules
{
    /// <param name="allowsInvalidValues">The old object had values that are no label values.</param>
    public static void Validate(JsonObject? selector, FieldPath path, FieldErrors errors, bool allowsInvalidValues = false)
    {
        if (selector is null) return;
        LabelRules.Validate(selector.Object("matchLabels"), path.Child("matchLabels"), errors);
        foreach (var (index, requirement) in selector.Items("matchExpressions"))
            Requirement(requirement, path.Child("matchExpressions").Index(index), errors, allowsInvalidValues);
    }

    private static void Requirement(JsonObject requirement, FieldPath path, FieldErrors errors, bool allowsInvalidValues)
    {
        switch (requirement.Text("operator"))
        {
            case "In" or "NotIn":
                if (requirement.Count("values") == 0) errors.Required(path.Child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
                break;
            case "Exists" or "DoesNotExist":
                if (requirement.Count("values") > 0) errors.Forbidden(path.Child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
                break;
            case var other:
                errors.Invalid(path.Child("operator"), other, "not a valid selector operator");
                break;
        }

        var key = requirement.Text("key");
        errors.InvalidEach(path.Child("key"), key, Formats.LabelKey(key));
        if (allowsInvalidValues) return;
        var index = 0;
        foreach (var value in requirement.Texts("values"))
        {
            if (Formats.LabelValue(value) is { Count: > 0 } wrong) errors.InvalidEach(path.Child("values").Index(index), value, wrong);
            index++;
        }
    }

    /// <summary>It has a value that is no label value. Before Kubernetes 1.24 those were taken, and who has one may keep it.</summary>
    public static bool HasInvalidValue(JsonObject? selector)
    {
        foreach (var (_, requirement) in selector.Items("matchExpressions"))
            if (requirement.Texts("values").Any(value => Formats.LabelValue(value).Count > 0)) return true;
        return false;
    }

    public static bool IsEmpty(JsonObject? selector) => selector.Count("matchLabels") == 0 && selector.Count("matchExpressions") == 0;

    /// <summary>Whether labels match the selector; an empty selector matches all.</summary>
    public static bool Matches(JsonObject? selector, JsonObject? labels)
    {
        foreach (var (key, value) in selector.TextMap("matchLabels"))
            if (labels.TextOrNull(key) != value) return false;
        foreach (var (_, requirement) in selector.Items("matchExpressions"))
        {
            var value = labels.TextOrNull(requirement.Text("key"));
            var isMatch = requirement.Text("operator") switch
            {
                "In" => value is not null && requirement.Texts("values").Contains(value),
                "NotIn" => value is null || !requirement.Texts("values").Contains(value),
                "Exists" => value is not null,
                _ => value is null,
            };
            if (!isMatch) return false;
        }

        return true;
    }
}
