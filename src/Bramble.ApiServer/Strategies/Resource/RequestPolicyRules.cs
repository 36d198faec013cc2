using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Quantities;

namespace Bramble.ApiServer.Strategies;

/// <summary>Which amounts of a shared device's capacity may be asked for: KEP-5075. Some values, or a range with steps; and a default among them.</summary>
internal static class RequestPolicyRules
{
    private const int ValuesMax = 10;

    public static void Validate(JsonObject policy, Quantity capacity, FieldPath path, FieldErrors errors)
    {
        var (hasValues, range) = (policy.Count("validValues") > 0, policy.Object("validRange"));
        if (hasValues && range is not null)
        {
            errors.Forbidden(path, "exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time");
            return;
        }

        if (!hasValues && range is null) return;
        if (ResourceRules.Amount(policy, "default") is not { } byDefault) errors.Required(path.Child("default"), $"required when {(hasValues ? "validValues" : "validRange")} is defined");
        else if (hasValues) Values(policy, byDefault, capacity, path.Child("validValues"), errors);
        else Range(range!, byDefault, capacity, path.Child("validRange"), errors);
    }

    private static void Values(JsonObject policy, Quantity byDefault, Quantity capacity, FieldPath path, FieldErrors errors)
    {
        var values = policy.Array("validValues")!.Select(value => Quantity.TryParse(value.AsText() ?? value?.ToJsonString() ?? "", out var quantity, out _) ? quantity : default).ToList();
        for (var i = 1; i < values.Count; i++)
            if (values[i - 1] > values[i]) errors.Invalid(path.Index(i), values[i].ToString(), "values must be sorted in ascending order");
        var isAmongThem = false;
        if (!DeviceRules.IsTooLong(policy, "validValues", ValuesMax, path, errors))
        {
            for (var i = 0; i < values.Count; i++)
            {
                if (values[i] > capacity) errors.Invalid(path.Index(i), values[i].ToString(), $"option is larger than capacity value: {capacity}");
                isAmongThem |= values[i] == byDefault;
            }

            var seen = new HashSet<long>();
            for (var i = 0; i < values.Count; i++)
                if (!seen.Add(values[i].ToUnits())) errors.Duplicate(path.Index(i), $"{values[i].ToUnits()}");
        }

        if (!isAmongThem) errors.Invalid(path, byDefault.ToString(), "default value is not valid according to the requestPolicy");
    }

    private static void Range(JsonObject range, Quantity byDefault, Quantity capacity, FieldPath path, FieldErrors errors)
    {
        if (ResourceRules.Amount(range, "min") is not { } min)
        {
            errors.Required(path.Child("min"), "required when validRange is defined");
            return;
        }

        if (min > capacity) errors.Invalid(path.Child("min"), min.ToString(), $"min is larger than capacity value: {capacity}");
        if (byDefault < min) errors.Invalid(path.Child("min"), byDefault.ToString(), $"default is less than min: {min}");
        var max = ResourceRules.Amount(range, "max");
        if (max is { } most)
        {
            if (min > most) errors.Invalid(path.Child("max"), min.ToString(), $"min is larger than max: {most}");
            if (most > capacity) errors.Invalid(path.Child("max"), most.ToString(), $"max is larger than capacity value: {capacity}");
            if (byDefault > most) errors.Invalid(path.Child("max"), byDefault.ToString(), $"default is more than max: {most}");
        }

        if (ResourceRules.Amount(range, "step") is not { } step) return;
        if (min + step > capacity) errors.Invalid(path.Child("step"), step.ToString(), $"one step {min + step} is larger than capacity value: {capacity}");
        Step(byDefault, min, step, path.Child("step"), errors);
        if (max is { } last) Step(last, min, step, path.Child("step"), errors);
    }

    private static void Step(Quantity value, Quantity min, Quantity step, FieldPath path, FieldErrors errors)
    {
        // A step of nothing: upstream's division fails; here every value is off the steps.
        var isOnStep = step.ToUnits() != 0 && (value.ToUnits() - min.ToUnits()) % step.ToUnits() == 0;
        if (!isOnStep) errors.Invalid(path, value.ToString(), $"value is not a multiple of a given step ({step}) from ({min})");
    }
}
