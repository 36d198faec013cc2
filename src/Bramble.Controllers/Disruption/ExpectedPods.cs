using System.Text.Json.Nodes;
using Bramble.Controllers.Deployments;

namespace Bramble.Controllers.Disruption;

/// <summary>How many Pods a budget expects, and how many of them must stay healthy. Pure.</summary>
internal sealed record ExpectedPods(int Expected, int Desired)
{
    /// <summary>A number that must stay needs nobody who knows how many there should be; a share does, and so does a number that may go.</summary>
    public static bool NeedsScale(JsonObject spec) => spec["maxUnavailable"] is not null || (spec["minAvailable"] is { } least && !IsNumber(least, out _));

    /// <param name="spec">The budget's. Validation lets it say one of both only.</param>
    /// <param name="pods">How many Pods it has.</param>
    /// <param name="scale">How many those who make its Pods want together.</param>
    public static ExpectedPods Decide(JsonObject spec, int pods, int scale)
    {
        // Rounded up: of three Pods 50% are two, whether they may go or must stay.
        if (spec["maxUnavailable"] is { } most) return new(scale, Math.Max(0, scale - Fenceposts.Resolve(most, scale, isRoundedUp: true)));
        if (spec["minAvailable"] is not { } least) return new(0, 0);
        return IsNumber(least, out var number) ? new(pods, number) : new(scale, Fenceposts.Resolve(least, scale, isRoundedUp: true));
    }

    private static bool IsNumber(JsonNode limit, out int number)
    {
        number = 0;
        return limit is JsonValue value && value.TryGetValue(out number);
    }
}
