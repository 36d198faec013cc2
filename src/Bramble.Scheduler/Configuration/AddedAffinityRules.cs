using Bramble.Api.Selectors;

namespace Bramble.Scheduler.Configuration;

/// <summary>What may be in a profile's <c>addedAffinity</c>. A term that says nothing is not looked at.</summary>
internal static class AddedAffinityRules
{
    public static void Check(ConfigNode affinity)
    {
        foreach (var term in affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"].Items()) CheckTerm(term);
        foreach (var preferred in affinity["preferredDuringSchedulingIgnoredDuringExecution"].Items())
            if ((preferred["weight"].Number() ?? 0) != 0) CheckTerm(preferred["preference"]);
    }

    private static void CheckTerm(ConfigNode term)
    {
        foreach (var label in term["matchExpressions"].Items()) CheckLabel(label);
        foreach (var field in term["matchFields"].Items())
        {
            if (field["operator"].Text() is not ("In" or "NotIn")) throw field["operator"].Unsupported("In", "NotIn");
            if (field["values"].Items().ToList().Count != 1) throw field["values"].Wrong("must have one element");
        }
    }

    private static void CheckLabel(ConfigNode label)
    {
        List<ConfigNode> values = [.. label["values"].Items()];
        var key = label["key"].LabelName();
        switch (label["operator"].Text())
        {
            case "In" or "NotIn":
                if (values.Count == 0) throw label["values"].Wrong("for 'in', 'notin' operators, values set can't be empty");
                break;
            case "Exists" or "DoesNotExist":
                if (values.Count > 0) throw label["values"].Wrong("values set must be empty for exists and does not exist");
                break;
            case "Gt" or "Lt":
                if (values.Count != 1) throw label["values"].Wrong("for 'Gt', 'Lt' operators, exactly one value is required");
                if (!long.TryParse(values[0].Text(), out _)) throw values[0].Wrong("for 'Gt', 'Lt' operators, the value must be an integer");
                break;
            default:
                throw label["operator"].Unsupported("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt");
        }
        foreach (var value in values)
            if (LabelRules.ValueErrors(value.Text() ?? "") is { Count: > 0 } complaints)
                throw new InvalidDataException($"{label["values"].Path}[{key}]: Invalid value: \"{value.Text()}\": {string.Join("; ", complaints)}");
    }
}
