using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Resources of a whole pod (KEP-2837): not less than its containers need together.</summary>
internal static class PodLevelResourceRules
{
    public static void Validate(JsonObject spec, FieldPath specPath, FieldErrors errors)
    {
        if (spec.Object("resources") is not { } resources) return;
        var path = specPath.Child("resources");
        if (spec.Text("os", "name") == "windows")
        {
            errors.Forbidden(path, "may not be set for a windows pod");
            return;
        }

        if (resources.Has("claims")) errors.Forbidden(path.Child("claims"), "claims may not be set for Resources at pod-level");
        ResourceRules.PodRequirements(resources, path, errors);
        var (requests, limits) = (resources.Object("requests"), resources.Object("limits"));
        foreach (var (name, sum) in PodResources.OfContainers(spec, "requests"))
            if (ResourceRules.Amount(requests, name) is { } request && sum > request)
                errors.Invalid(path.Child("requests").Key(name), request.ToString(), $"must be greater than or equal to aggregate container requests of {sum}");
        foreach (var (name, sum) in PodResources.OfContainers(spec, "limits"))
            if (ResourceRules.IsHugePages(name) && ResourceRules.Amount(limits, name) is { } limit && sum > limit)
                errors.Invalid(path.Child("limits").Key(name), limit.ToString(), $"must be greater than or equal to aggregate container limits of {sum}");
        foreach (var (index, container) in spec.Items("containers"))
        {
            var own = container.Object("resources").Object("limits");
            foreach (var (name, _) in own ?? [])
                if (ResourceRules.Amount(own, name) is { } amount && ResourceRules.Amount(limits, name) is { } limit && amount > limit)
                    errors.Invalid(path.Child("containers").Index(index).Key(name).Child("limits"), amount.ToString(), $"must be less than or equal to pod limits of {limit}");
        }
    }
}
