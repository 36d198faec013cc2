using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>Whether a PodDisruptionBudget lets a pod go (policy/v1; behaviour of the eviction subresource).</summary>
internal static class EvictionDecision
{
    /// <summary>More unconfirmed evictions than this mean that nobody keeps the budget's status.</summary>
    private const int DisruptedPodsMax = 2000;

    private const string Headline = "Cannot evict pod as it would violate the pod's disruption budget.";

    /// <summary>A pod that serves nobody: not started, finished or going anyway.</summary>
    public static bool CanIgnoreBudgets(JsonObject pod) => IsFinished(pod) || pod.Object("status").Text("phase") == "Pending";

    public static bool IsFinished(JsonObject pod) => pod.Object("status").Text("phase") is "Succeeded" or "Failed" || pod.Object("metadata").Has("deletionTimestamp");

    /// <summary>An unready pod counts for nothing in its budget, so it may go where the policy says so or the others are enough.</summary>
    public static bool MayGoUnhealthy(JsonObject pod, JsonObject budget)
    {
        if (PodConditions.IsTrue(pod, "Ready")) return false;
        if (budget.Object("spec").Text("unhealthyPodEvictionPolicy") == "AlwaysAllow") return true;
        var status = budget.Object("status");
        return status.Long("desiredHealthy") > 0 && status.Long("currentHealthy") >= status.Long("desiredHealthy");
    }

    /// <summary>Come again: what the budget counts is changing.</summary>
    public static StatusException StillProcessing(string budget) => TooMany($"The disruption budget {budget} is still being processed by the server.", retryAfterSeconds: 10);

    /// <summary>Null: one more disruption is allowed.</summary>
    public static StatusException? Refusal(JsonObject budget)
    {
        var (name, status) = (budget.ObjectName(), budget.Object("status"));
        if (status.Long("observedGeneration") < budget.Object("metadata").Long("generation"))
            return StillProcessing(name);
        if (status.Long("disruptionsAllowed") < 0) return StatusErrors.Forbidden(new("policy", "poddisruptionbudget"), name, "pdb disruptions allowed is negative");
        if (status.Count("disruptedPods") > DisruptedPodsMax)
            return StatusErrors.Forbidden(new("policy", "poddisruptionbudget"), name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
        return status.Long("disruptionsAllowed") > 0 ? null : TooMany(WhyNot(name, status), retryAfterSeconds: 0);
    }

    private static string WhyNot(string name, JsonObject? status)
    {
        JsonObject? condition = null;
        foreach (var (_, candidate) in status.Items("conditions"))
            if (candidate.Text("type") == "DisruptionAllowed") condition = candidate;
        var says = condition.Text("status") == "False" && condition.Text("message").Length > 0;
        if (says && condition.Text("reason") == "SyncFailed") return $"The disruption budget {name} does not allow evicting pods currently because it failed sync: {condition.Text("message")}";
        if (status.Long("currentHealthy") <= status.Long("desiredHealthy")) return $"The disruption budget {name} needs {status.Long("desiredHealthy")} healthy pods and has {status.Long("currentHealthy")} currently";
        return says
            ? $"The disruption budget {name} does not allow evicting pods currently ({condition.Text("reason")}): {condition.Text("message")}"
            : $"The disruption budget {name} does not allow evicting pods currently";
    }

    private static StatusException TooMany(string cause, int retryAfterSeconds) =>
        new(new Status(429, "TooManyRequests", Headline, new StatusDetails(Causes: [new StatusCause("DisruptionBudget", cause)], RetryAfterSeconds: retryAfterSeconds)));

    public static void SetNoDisruptionAllowed(JsonObject status, long generation, DateTimeOffset now)
    {
        if (status.Array("conditions") is not { } conditions) status["conditions"] = conditions = [];
        var old = conditions.OfType<JsonObject>().FirstOrDefault(condition => condition.Text("type") == "DisruptionAllowed");
        var made = new JsonObject
        {
            ["type"] = "DisruptionAllowed",
            ["status"] = "False",
            ["observedGeneration"] = generation,
            ["lastTransitionTime"] = old.Text("status") == "False" ? old.Text("lastTransitionTime") : KubernetesTime.Write(now),
            ["reason"] = "InsufficientPods",
            ["message"] = "",
        };
        if (old is null) conditions.Add((JsonNode)made);
        else conditions[conditions.IndexOf(old)] = made;
    }
}
