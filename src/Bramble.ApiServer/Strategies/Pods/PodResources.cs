using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.ApiServer.Strategies;

/// <summary>What the containers of a pod need together: sidecars and regular containers run at the same time, init containers one after the other before
/// (KEP-753). Behaviour of component-helpers resource.AggregateContainerRequests.</summary>
internal static class PodResources
{
    /// <param name="list"><c>requests</c> or <c>limits</c>.</param>
    public static Dictionary<string, Quantity> Sum(JsonObject spec, string list)
    {
        var total = new Dictionary<string, Quantity>(StringComparer.Ordinal);
        foreach (var (_, container) in spec.Items("containers")) Add(total, container, list);
        var (sidecars, peak) = (new Dictionary<string, Quantity>(StringComparer.Ordinal), new Dictionary<string, Quantity>(StringComparer.Ordinal));
        foreach (var (_, container) in spec.Items("initContainers"))
        {
            Dictionary<string, Quantity> now;
            if (container.Text("restartPolicy") == "Always")
            {
                Add(total, container, list);
                Add(sidecars, container, list);
                now = sidecars;
            }
            else
            {
                now = new(sidecars, StringComparer.Ordinal);
                Add(now, container, list);
            }

            Raise(peak, now);
        }

        Raise(total, peak);
        return total;
    }

    private static void Add(Dictionary<string, Quantity> total, JsonObject container, string list)
    {
        var amounts = container.Object("resources").Object(list);
        foreach (var (name, _) in amounts ?? [])
            if (ResourceRules.Amount(amounts, name) is { } amount) total[name] = total.TryGetValue(name, out var sum) ? sum + amount : amount;
    }

    private static void Raise(Dictionary<string, Quantity> total, Dictionary<string, Quantity> atLeast)
    {
        foreach (var (name, amount) in atLeast)
            if (!total.TryGetValue(name, out var sum) || amount > sum) total[name] = amount;
    }
}
