using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Disruption;

/// <summary>The status of a PodDisruptionBudget from its Pods.</summary>
internal static class BudgetStatus
{
    /// <summary>An eviction that was allowed counts as done for this long; a Pod that is still there then was not evicted after all.</summary>
    private static readonly TimeSpan DeletionTimeout = TimeSpan.FromMinutes(2);

    private const string AllowedCondition = "DisruptionAllowed";
    private static readonly string[] Counts = ["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"];

    /// <param name="notDeleted">Hears of Pods whose allowed eviction did not come.</param>
    /// <returns>The status, and when an allowed eviction is to be looked at again.</returns>
    public static (JsonObject Status, TimeSpan? Recheck) Compute(
        JsonObject budget, IReadOnlyList<V1Pod> pods, int expected, int desired, DateTimeOffset now, Action<V1Pod> notDeleted)
    {
        var announced = budget["status"]?["disruptedPods"] as JsonObject ?? [];
        var disrupted = new JsonObject();
        TimeSpan? recheck = null;
        var healthy = 0;
        foreach (var pod in pods)
        {
            if (pod.IsBeingDeleted()) continue;
            if (announced[pod.Metadata.Name] is { } at)
            {
                var left = DateTimeOffset.Parse((string)at!, CultureInfo.InvariantCulture) + DeletionTimeout - now;
                if (left > TimeSpan.Zero)
                {
                    disrupted[pod.Metadata.Name] = at.DeepClone();
                    if (recheck is null || left < recheck) recheck = left;
                    continue;
                }
                notDeleted(pod);
            }
            if (pod.IsReady()) healthy++;
        }
        // Without any Pods nothing is allowed: the first ones may come before this controller has seen them.
        var allowed = expected > 0 ? Math.Max(0, healthy - desired) : 0;
        var status = new JsonObject
        {
            ["currentHealthy"] = healthy,
            ["desiredHealthy"] = desired,
            ["disruptionsAllowed"] = allowed,
            ["expectedPods"] = expected,
        };
        var generation = (long?)budget["metadata"]!["generation"] ?? 0;
        // The same numbers are not said anew: after a sync that failed its reason stays.
        if (IsSaid(budget["status"] as JsonObject ?? [], status, disrupted, generation)) return (budget["status"]!.DeepClone().AsObject(), recheck);
        status.Count("observedGeneration", generation);
        if (disrupted.Count > 0) status["disruptedPods"] = disrupted;
        status["conditions"] = Conditions(budget, allowed > 0, allowed > 0 ? "SufficientPods" : "InsufficientPods", "", generation, now);
        return (status, recheck);
    }

    private static bool IsSaid(JsonObject said, JsonObject now, JsonObject disrupted, long generation) =>
        Array.TrueForAll(Counts, c => said.Number(c) == now.Number(c)) && JsonNode.DeepEquals(said["disruptedPods"] ?? new JsonObject(), disrupted) && said.Number("observedGeneration") == generation
        && (string?)said.Condition(AllowedCondition)?["status"] == (now.Number("disruptionsAllowed") > 0 ? "True" : "False");

    /// <summary>Nobody knows how many there should be: no disruption is allowed.</summary>
    public static JsonObject Failed(JsonObject budget, string why, DateTimeOffset now)
    {
        var status = budget["status"]?.DeepClone().AsObject() ?? [];
        foreach (var field in (string[])["currentHealthy", "desiredHealthy", "expectedPods"]) status[field] ??= 0;
        status["disruptionsAllowed"] = 0;
        status["conditions"] = Conditions(budget, false, "SyncFailed", why, (long?)status["observedGeneration"] ?? 0, now);
        return status;
    }

    private static JsonArray Conditions(JsonObject budget, bool isAllowed, string reason, string message, long generation, DateTimeOffset now)
    {
        var conditions = (budget["status"]?["conditions"] as JsonArray)?.DeepClone().AsArray() ?? [];
        var condition = conditions.OfType<JsonObject>().FirstOrDefault(c => (string?)c["type"] == AllowedCondition);
        if (condition is null) conditions.Add((JsonNode)(condition = new JsonObject { ["type"] = AllowedCondition }));
        var value = isAllowed ? "True" : "False";
        if ((string?)condition["status"] != value) condition["lastTransitionTime"] = KubeTime.Seconds(now);
        condition["status"] = value;
        condition["reason"] = reason;
        condition["message"] = message;
        condition.Count("observedGeneration", generation);
        return conditions;
    }
}
