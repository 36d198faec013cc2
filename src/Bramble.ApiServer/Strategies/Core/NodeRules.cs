using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Nodes.</summary>
internal static partial class NodeRules
{
    public static void Validate(JsonObject node, FieldErrors errors)
    {
        var spec = node.Object("spec");
        // Upstream looks for taints below metadata.
        Taints(spec, FieldPath.Metadata.Child("taints"), errors);
        Resources(node, errors);
        // Upstream names the place so.
        if (node.Object("status").Object("nodeInfo").Object("swap").LongOrNull("capacity") is { } swap)
            NumberRules.MustBePositive(swap, FieldPath.Metadata.Child("nodeSwapStatus", "capacity"), errors);
        DeclaredFeatures(node, errors);
        var (cidrs, path, index) = (spec.Texts("podCIDRs").ToList(), FieldPath.Spec.Child("podCIDRs"), 0);
        foreach (var cidr in cidrs) IpRules.LegacyCidr(errors, path.Index(index++), cidr);
        if (cidrs.Count > 1 && (cidrs.Count > 2 || cidrs[0].Contains(':') == cidrs[1].Contains(':')))
            errors.Invalid(path, spec!["podCIDRs"]!.DeepClone(), "may specify no more than one CIDR for each IP family");
    }

    public static void ValidateUpdate(JsonObject node, JsonObject old, FieldErrors errors)
    {
        Resources(node, errors);
        DeclaredFeatures(node, errors);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, address) in node.Object("status").Items("addresses"))
            if (!seen.Add($"{address.Text("type")}/{address.Text("address")}"))
                errors.Duplicate(FieldPath.Status.Child("addresses").Index(index), GoStruct.Show(address, ("Type", ""), ("Address", "")));
        var (spec, before) = (node.Object("spec"), old.Object("spec"));
        var (cidrs, known) = (spec.Texts("podCIDRs").ToList(), before.Texts("podCIDRs").ToList());
        const string why = "node updates may not change podCIDR except from \"\" to valid";
        if (known.Count > 0 && known.Count != cidrs.Count) errors.Forbidden(FieldPath.Spec.Child("podCIDRs"), why);
        else
            for (var i = 0; i < known.Count; i++)
                if (known[i] != cidrs[i]) errors.Forbidden(FieldPath.Spec.Child("podCIDRs"), why);
        if (before.Text("providerID") is { Length: > 0 } provider && provider != spec.Text("providerID"))
            errors.Forbidden(FieldPath.Spec.Child("providerID"), "node updates may not change providerID except from \"\" to valid");
        Taints(spec, FieldPath.Metadata.Child("taints"), errors);
        if (spec.Text("externalID") != before.Text("externalID")) errors.Forbidden(FieldPath.Spec.Child("externalID"), "may not be updated");
    }

    private static void Taints(JsonObject? spec, FieldPath path, FieldErrors errors)
    {
        var seen = new HashSet<(string, string)>();
        foreach (var (index, taint) in spec.Items("taints"))
        {
            var (at, key, value, effect) = (path.Index(index), taint.Text("key"), taint.Text("value"), taint.Text("effect"));
            errors.InvalidEach(at.Child("key"), key, Formats.LabelKey(key));
            if (Formats.LabelValue(value) is { Count: > 0 } complaints) errors.Invalid(at.Child("value"), value, string.Join(";", complaints));
            if (effect.Length == 0) errors.Required(at.Child("effect"));
            else if (!TolerationRules.Effects.Contains(effect)) errors.NotSupported(at.Child("effect"), effect, TolerationRules.Effects);
            if (seen.Add((key, effect))) continue;
            var shown = GoStruct.Show(taint, ("Key", ""), ("Value", ""), ("Effect", ""), ("TimeAdded", null));
            errors.Add(new(FieldErrorType.Duplicate, at, FieldError.Show(shown), "taints must be unique by key and effect pair"));
        }
    }

    private static void Resources(JsonObject node, FieldErrors errors)
    {
        foreach (var list in (ReadOnlySpan<string>)["capacity", "allocatable"])
        {
            var amounts = node.Object("status").Object(list);
            foreach (var (name, _) in amounts ?? [])
                if (ResourceRules.Amount(amounts, name) is { } amount) ResourceRules.Value(name, amount, FieldPath.Status.Child(list, name), errors);
        }
    }

    private static void DeclaredFeatures(JsonObject node, FieldErrors errors)
    {
        var (path, features) = (FieldPath.Status.Child("declaredFeatures"), node.Object("status").Texts("declaredFeatures").ToList());
        for (var i = 0; i < features.Count; i++)
        {
            var feature = features[i];
            if (feature.Length > 253) errors.Invalid(path.Index(i), feature, $"invalid feature name {FieldError.Quote(feature)}: must be no more than 253 characters");
            else if (!FeatureName().IsMatch(feature))
                errors.Invalid(
                    path.Index(i),
                    feature,
                    $"invalid feature name {FieldError.Quote(feature)}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes");
            if (i + 1 == features.Count) break;
            if (feature == features[i + 1]) errors.Duplicate(path.Index(i + 1), features[i + 1]);
            else if (string.CompareOrdinal(feature, features[i + 1]) > 0) errors.Invalid(path.Index(i + 1), features[i + 1], "list must be sorted alphabetically");
        }
    }

    [GeneratedRegex("^[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*\\z")]
    private static partial Regex FeatureName();

    public static IEnumerable<string> Warnings(JsonObject node)
    {
        var spec = node.Object("spec");
        if (spec.Has("configSource")) yield return "spec.configSource: the feature is removed";
        if (spec.Text("externalID").Length > 0) yield return "spec.externalID: this field is deprecated, and is unused by Kubernetes";
        var index = 0;
        foreach (var cidr in spec.Texts("podCIDRs"))
            foreach (var warning in IpRules.CidrWarnings(FieldPath.Spec.Child("podCIDRs").Index(index++), cidr)) yield return warning;
    }
}
