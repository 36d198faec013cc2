using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of PriorityClasses: the system's own are known by name.</summary>
internal static class PriorityClassRules
{
    private const long HighestOfUsers = 1_000_000_000;

    public static void Validate(JsonObject @class, FieldErrors errors)
    {
        var (name, value) = (@class.ObjectName(), @class.Long("value"));
        if (name.StartsWith("system-", StringComparison.Ordinal))
        {
            if (SystemClassError(name, value, @class.Bool("globalDefault")) is { } why)
                errors.Forbidden(FieldPath.Metadata.Child("name"), $"priority class names with 'system-' prefix are reserved for system use only. error: {why}");
        }
        else if (value > HighestOfUsers)
        {
            errors.Forbidden("value", $"maximum allowed value of a user defined priority is {HighestOfUsers}");
        }

        if (@class.TextOrNull("preemptionPolicy") is not { } policy) return;
        if (policy.Length == 0) errors.Required("preemptionPolicy");
        else if (policy is not ("PreemptLowerPriority" or "Never")) errors.NotSupported("preemptionPolicy", policy, ["PreemptLowerPriority", "Never"]);
    }

    private static string? SystemClassError(string name, long value, bool isDefault)
    {
        long? known = name switch { "system-node-critical" => 2_000_001_000, "system-cluster-critical" => 2_000_000_000, _ => null };
        if (known is null) return $"{name} is not a known system priority class";
        if (value != known) return $"value of {name} PriorityClass must be {known}";
        return isDefault ? $"globalDefault of {name} PriorityClass must be false" : null;
    }

    public static void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors)
    {
        if (@class.Long("value") != old.Long("value")) errors.Forbidden("value", "may not be changed in an update.");
        ImmutableRules.Field(@class, old, "preemptionPolicy", FieldPath.Of("preemptionPolicy"), errors);
    }
}
