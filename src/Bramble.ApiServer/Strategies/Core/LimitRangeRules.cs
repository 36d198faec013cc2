using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Quantities;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of LimitRanges.</summary>
internal static class LimitRangeRules
{
    public static void Validate(JsonObject range, FieldErrors errors)
    {
        var types = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, item) in range.Object("spec").Items("limits"))
        {
            var (path, type) = (FieldPath.Spec.Child("limits").Index(index), item.Text("type"));
            if (Formats.LabelKey(type) is { Count: > 0 } complaints) errors.InvalidEach(path.Child("type"), type, complaints);
            else if (!type.Contains('/') && type is not ("Pod" or "Container" or "PersistentVolumeClaim")) errors.Invalid(path.Child("type"), type, "must be a standard limit type or fully qualified");
            if (!types.Add(type)) errors.Duplicate(path.Child("type"), type);
            var keys = new SortedSet<string>(StringComparer.Ordinal);
            Names(item, type, "max", path, keys, errors);
            Names(item, type, "min", path, keys, errors);
            foreach (var list in (ReadOnlySpan<string>)["default", "defaultRequest"])
            {
                if (type != "Pod") Names(item, type, list, path, keys, errors);
                else if (item.Count(list) > 0) errors.Forbidden(path.Child(list), "may not be specified when `type` is 'Pod'");
            }

            if (type == "PersistentVolumeClaim" && !item.Object("min").Has("storage") && !item.Object("max").Has("storage"))
                errors.Required(path.Child("limits"), "either minimum or maximum storage value is required, but neither was provided");
            Names(item, type, "maxLimitRequestRatio", path, keys, errors);
            foreach (var key in keys) Amounts(item, key, type == "Pod", path, errors);
        }
    }

    private static void Names(JsonObject item, string type, string list, FieldPath path, SortedSet<string> keys, FieldErrors errors)
    {
        foreach (var (name, _) in item.Object(list) ?? [])
        {
            if (type is "Pod" or "Container") ResourceRules.ContainerName(name, path.Child(list).Key(name), errors);
            else ResourceRules.Name(name, path.Child(list).Key(name), errors);
            keys.Add(name);
        }
    }

    private static void Amounts(JsonObject item, string key, bool isPod, FieldPath path, FieldErrors errors)
    {
        Quantity? Of(string list) => ResourceRules.Amount(item.Object(list), key);
        var (min, max, ratio) = (Of("min"), Of("max"), Of("maxLimitRequestRatio"));
        var (limit, request) = isPod ? (null, null) : (Of("default"), Of("defaultRequest"));
        void Invalid(string list, Quantity shown, string why) => errors.Invalid(path.Child(list).Key(key), shown.ToString(), why);
        if (min > max) Invalid("min", min.Value, $"min value {min} is greater than max value {max}");
        if (min > request) Invalid("defaultRequest", request.Value, $"min value {min} is greater than default request value {request}");
        if (request > max) Invalid("defaultRequest", request.Value, $"default request value {request} is greater than max value {max}");
        if (request > limit) Invalid("defaultRequest", request.Value, $"default request value {request} is greater than default limit value {limit}");
        if (min > limit) Invalid("default", min.Value, $"min value {min} is greater than default value {limit}");
        if (limit > max) Invalid("default", max.Value, $"default value {limit} is greater than max value {max}");
        if (ratio is { } factor)
        {
            if (factor < Quantity.FromUnits(1)) Invalid("maxLimitRequestRatio", factor, $"ratio {factor} is less than 1");
            if (min is { } low && max is { } high && high.ToDouble() / low.ToDouble() is var most && factor.ToDouble() > most)
                Invalid("maxLimitRequestRatio", factor, $"ratio {factor} is greater than max/min = {most.ToString("F6", CultureInfo.InvariantCulture)}");
        }

        if (!ResourceRules.AllowsOvercommit(key) && limit is { } given && request is { } asked && given != asked)
            Invalid("defaultRequest", asked, $"default value {given} must equal to defaultRequest value {asked} in {key}");
    }
}
