using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.Scheduler.Devices;

/// <summary>How much of a device's capacity a request consumes: KEP-5075. What is asked for is rounded up to what the device's policy allows; what is not asked for is the policy's
/// default, or all there is.</summary>
internal static class DeviceCapacity
{
    /// <param name="requests">By capacity name; null: nothing is asked for.</param>
    /// <returns>By capacity name; null: the device has no such capacity, or the policy does not allow the amount.</returns>
    public static Dictionary<string, Quantity>? Consumption(Device device, JsonObject? requests)
    {
        var all = device.Tree["capacity"] as JsonObject ?? [];
        foreach (var (name, _) in requests ?? [])
            if (!all.ContainsKey(name)) return null;
        var consumed = new Dictionary<string, Quantity>(StringComparer.Ordinal);
        foreach (var (name, capacity) in all)
        {
            var policy = capacity?["requestPolicy"] as JsonObject;
            var byDefault = Amount(policy?["default"]);
            var amount = Amount(requests?[name]) is { } asked ? RoundedUp(asked, policy) : byDefault ?? Value(device, name);
            if (policy is not null && amount != byDefault && !Allows(policy, amount)) return null;
            consumed[name] = amount;
        }

        return consumed;
    }

    public static Quantity Value(Device device, string capacity) => Amount((device.Tree["capacity"] as JsonObject)?[capacity]?["value"]) ?? default;

    /// <summary>8Gi with a minimum of 2Gi and steps of 4Gi: 2Gi, 6Gi, 10Gi; so 10Gi.</summary>
    private static Quantity RoundedUp(Quantity asked, JsonObject? policy)
    {
        if (policy?["validRange"] is JsonObject range && Amount(range["min"]) is { } min)
        {
            if (asked < min) return min;
            if (StepOf(range) is not { } step) return asked;
            var over = asked.ToUnits() - min.ToUnits();
            return Quantity.FromUnits(min.ToUnits() + ((over + step - 1) / step * step), QuantityFormat.BinarySI);
        }

        foreach (var value in policy?["validValues"] as JsonArray ?? [])
            if (Amount(value) is { } valid && asked <= valid) return valid;
        return asked;
    }

    private static bool Allows(JsonObject policy, Quantity amount)
    {
        if (policy["validRange"] is JsonObject range)
        {
            if (Amount(range["max"]) is { } max && amount > max) return false;
            return StepOf(range) is not { } step || (amount.ToUnits() - (Amount(range["min"])?.ToUnits() ?? 0)) % step == 0;
        }

        if (policy["validValues"] is not JsonArray { Count: > 0 } values) return true;
        foreach (var value in values)
            if (Amount(value) == amount) return true;
        return false;
    }

    private static long? StepOf(JsonObject range) => Amount(range["step"])?.ToUnits() is > 0 and var step ? step : null;

    public static Quantity? Amount(JsonNode? node) => node is JsonValue value && Quantity.TryParse((string?)value ?? "", out var quantity, out _) ? quantity : null;
}
