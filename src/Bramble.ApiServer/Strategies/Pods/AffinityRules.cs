using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Affinity of pods to nodes and to each other.</summary>
internal static class AffinityRules
{
    private const string Required = "requiredDuringSchedulingIgnoredDuringExecution";
    private const string Preferred = "preferredDuringSchedulingIgnoredDuringExecution";

    public static void Validate(JsonObject? affinity, FieldPath path, FieldErrors errors)
    {
        if (affinity is null) return;
        if (affinity.Object("nodeAffinity") is { } node)
        {
            var at = path.Child("nodeAffinity");
            if (node.Object(Required) is { } selector) NodeSelector(selector, at.Child(Required), errors);
            foreach (var (index, term) in node.Items(Preferred))
            {
                Weight(term, at.Child(Preferred).Index(index), errors);
                NodeSelectorTerm(term.Object("preference") ?? [], at.Child(Preferred).Index(index).Child("preference"), errors, checksValues: false);
            }
        }

        foreach (var kind in (ReadOnlySpan<string>)["podAffinity", "podAntiAffinity"])
        {
            var (pods, at) = (affinity.Object(kind), path.Child(kind));
            foreach (var (index, term) in pods.Items(Required)) PodTerm(term, at.Child(Required).Index(index), errors);
            foreach (var (index, weighted) in pods.Items(Preferred))
            {
                Weight(weighted, at.Child(Preferred).Index(index), errors);
                PodTerm(weighted.Object("podAffinityTerm") ?? [], at.Child(Preferred).Index(index).Child("podAffinityTerm"), errors);
            }
        }
    }

    private static void Weight(JsonObject term, FieldPath path, FieldErrors errors)
    {
        if (term.Long("weight") is <= 0 or > 100) errors.Invalid(path.Child("weight"), term.Long("weight"), "must be in the range 1-100");
    }

    public static void NodeSelector(JsonObject selector, FieldPath path, FieldErrors errors)
    {
        if (selector.Count("nodeSelectorTerms") == 0)
        {
            errors.Required(path.Child("nodeSelectorTerms"), "must have at least one node selector term");
            return;
        }

        foreach (var (index, term) in selector.Items("nodeSelectorTerms")) NodeSelectorTerm(term, path.Child("nodeSelectorTerms").Index(index), errors, checksValues: true);
    }

    private static void NodeSelectorTerm(JsonObject term, FieldPath path, FieldErrors errors, bool checksValues)
    {
        foreach (var (index, requirement) in term.Items("matchExpressions")) NodeRequirement(requirement, path.Child("matchExpressions").Index(index), errors, checksValues);
        foreach (var (index, requirement) in term.Items("matchFields")) NodeFieldRequirement(requirement, path.Child("matchFields").Index(index), errors);
    }

    private static void NodeRequirement(JsonObject requirement, FieldPath path, FieldErrors errors, bool checksValues)
    {
        var count = requirement.Count("values");
        switch (requirement.Text("operator"))
        {
            case "In" or "NotIn":
                if (count == 0) errors.Required(path.Child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
                break;
            case "Exists" or "DoesNotExist":
                if (count > 0) errors.Forbidden(path.Child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
                break;
            case "Gt" or "Lt":
                if (count != 1) errors.Required(path.Child("values"), "must be specified single value when `operator` is 'Lt' or 'Gt'");
                break;
            case var other:
                errors.Invalid(path.Child("operator"), other, "not a valid selector operator");
                break;
        }

        errors.InvalidEach(path.Child("key"), requirement.Text("key"), Formats.LabelKey(requirement.Text("key")));
        if (!checksValues) return;
        var index = 0;
        foreach (var value in requirement.Texts("values")) errors.InvalidEach(path.Child("values").Index(index++), value, Formats.LabelValue(value));
    }

    private static void NodeFieldRequirement(JsonObject requirement, FieldPath path, FieldErrors errors)
    {
        if (requirement.Text("operator") is not ("In" or "NotIn")) errors.Invalid(path.Child("operator"), requirement.Text("operator"), "not a valid selector operator");
        else if (requirement.Count("values") != 1) errors.Required(path.Child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
        if (requirement.Text("key") != "metadata.name")
        {
            errors.Invalid(path.Child("key"), requirement.Text("key"), "not a valid field selector key");
            return;
        }

        var index = 0;
        foreach (var value in requirement.Texts("values")) errors.InvalidEach(path.Child("values").Index(index++), value, Formats.DnsSubdomain(value));
    }

    private static void PodTerm(JsonObject term, FieldPath path, FieldErrors errors)
    {
        SelectorRules.Validate(term.Object("labelSelector"), path.Child("labelSelector"), errors);
        SelectorRules.Validate(term.Object("namespaceSelector"), path.Child("namespaceSelector"), errors);
        foreach (var ns in term.Texts("namespaces")) errors.InvalidEach(path.Child("namespace"), ns, Formats.DnsLabel(ns));
        LabelKeyRules.Validate(term, path, errors);
        if (term.Text("topologyKey").Length == 0) errors.Required(path.Child("topologyKey"), "can not be empty");
        errors.InvalidEach(path.Child("topologyKey"), term.Text("topologyKey"), Formats.LabelKey(term.Text("topologyKey")));
    }
}
