using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Deployments;

/// <summary>A Deployment's status and its Progressing condition, from its ReplicaSets.</summary>
internal static class DeploymentStatus
{
    /// <summary>Counts, Available and what failed; Progressing stays as it was.</summary>
    public static JsonObject Counts(JsonObject deployment, ReplicaSetView? newSet, IReadOnlyList<ReplicaSetView> all, int? collisions, DateTimeOffset now)
    {
        var wanted = Replicas(deployment);
        var fence = Fenceposts.Of(deployment, wanted);
        var available = all.Sum(s => s.AvailableReplicas);
        var status = new JsonObject();
        status.Count("observedGeneration", (long?)deployment["metadata"]!["generation"] ?? 0)
            .Count("replicas", all.Sum(s => s.StatusReplicas))
            .Count("updatedReplicas", newSet?.StatusReplicas ?? 0)
            .Count("readyReplicas", all.Sum(s => s.ReadyReplicas))
            .Count("availableReplicas", available)
            .Count("unavailableReplicas", Math.Max(0, all.Sum(s => s.Replicas) - available));
        // A set that nobody has looked at yet has none that end; one of which it is not known makes the sum unknown.
        if (all.All(s => s.TerminatingReplicas is not null || (s.Model.Status?.ObservedGeneration ?? 0) == 0)) status["terminatingReplicas"] = all.Sum(s => s.TerminatingReplicas ?? 0);
        if (deployment["status"]?["conditions"] is JsonArray conditions) status["conditions"] = conditions.DeepClone();
        if (collisions is { } count) status["collisionCount"] = count;
        if (available >= wanted - fence.MaxUnavailable)
            status.SetCondition("Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability.", now, hasUpdateTime: true);
        else
            status.SetCondition("Available", false, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now, hasUpdateTime: true);
        return status;
    }

    /// <summary>Counts and how the rollout gets on.</summary>
    /// <returns>The status, and when the progress deadline is to be looked at.</returns>
    public static (JsonObject Status, TimeSpan? Wait) OfRollout(
        JsonObject deployment, ReplicaSetView? newSet, IReadOnlyList<ReplicaSetView> all, int? collisions, DateTimeOffset now)
    {
        var status = Counts(deployment, newSet, all, collisions, now);
        var deadline = DeadlineSeconds(deployment);
        if (deadline is null) status.RemoveCondition("Progressing");
        var current = status.Condition("Progressing");
        var isComplete = status.Number("replicas") == status.Number("updatedReplicas") && (string?)current?["reason"] == "NewReplicaSetAvailable";
        if (deadline is not null && !isComplete)
        {
            var subject = newSet is not null ? $"ReplicaSet \"{newSet.Name}\"" : $"Deployment \"{(string?)deployment["metadata"]!["name"]}\"";
            if (IsComplete(deployment, status))
            {
                status.SetCondition("Progressing", true, "NewReplicaSetAvailable", $"{subject} has successfully progressed.", now, hasUpdateTime: true);
            }
            else if (HasProgressed(deployment, status))
            {
                // lastUpdateTime is what the deadline counts from, so it moves with each step although the condition stays the same.
                var since = (string?)current?["status"] == "True" ? (string?)current?["lastTransitionTime"] : null;
                status.RemoveCondition("Progressing");
                status.SetCondition("Progressing", true, "ReplicaSetUpdated", $"{subject} is progressing.", now, hasUpdateTime: true);
                if (since is not null) status.Condition("Progressing")!["lastTransitionTime"] = since;
            }
            else if (HasTimedOut(deployment, status, deadline.Value, now))
            {
                status.SetCondition("Progressing", false, "ProgressDeadlineExceeded", $"{subject} has timed out progressing.", now, hasUpdateTime: true);
            }
        }
        var failed = (newSet is null ? all : [newSet, .. all])
            .Select(s => s.Model.Status?.Conditions?.FirstOrDefault(c => c.Type == "ReplicaFailure")).FirstOrDefault(c => c is not null);
        if (failed is not null) status.TakeCondition(failed, now);
        else status.RemoveCondition("ReplicaFailure");
        return (status, Wait(deployment, status, deadline, now));
    }

    /// <summary>A set's failure as the Deployment's own; its times are the set's.</summary>
    private static void TakeCondition(this JsonObject status, V1ReplicaSetCondition failed, DateTimeOffset now)
    {
        var known = status.Condition("ReplicaFailure");
        if (known is not null && (string?)known["status"] == failed.Status && (string?)known["reason"] == failed.Reason) return;
        status.SetCondition("ReplicaFailure", failed.Status == "True", failed.Reason ?? "", failed.Message ?? "", now, hasUpdateTime: true);
        if (failed.LastTransitionTime is not { } at) return;
        var condition = status.Condition("ReplicaFailure")!;
        condition["lastUpdateTime"] = KubeTime.Seconds(KubeTime.Utc(at));
        if (known is null || (string?)known["status"] != failed.Status) condition["lastTransitionTime"] = condition["lastUpdateTime"]!.DeepClone();
    }

    public static int Replicas(JsonObject deployment) => (int?)deployment["spec"]!["replicas"] ?? 1;

    public static bool IsComplete(JsonObject deployment, JsonObject status)
    {
        var wanted = Replicas(deployment);
        return status.Number("updatedReplicas") == wanted && status.Number("replicas") == wanted && status.Number("availableReplicas") == wanted
            && status.Number("observedGeneration") >= ((long?)deployment["metadata"]!["generation"] ?? 0);
    }

    /// <summary>Null: the progress has no deadline.</summary>
    public static int? DeadlineSeconds(JsonObject deployment) => (int?)deployment["spec"]!["progressDeadlineSeconds"] is { } seconds and < int.MaxValue ? seconds : null;

    private static bool HasProgressed(JsonObject deployment, JsonObject status)
    {
        var old = deployment["status"] as JsonObject ?? [];
        var oldOfOldSets = old.Number("replicas") - old.Number("updatedReplicas");
        var newOfOldSets = status.Number("replicas") - status.Number("updatedReplicas");
        return status.Number("updatedReplicas") > old.Number("updatedReplicas") || newOfOldSets < oldOfOldSets
            || status.Number("readyReplicas") > old.Number("readyReplicas") || status.Number("availableReplicas") > old.Number("availableReplicas");
    }

    private static bool HasTimedOut(JsonObject deployment, JsonObject status, int deadlineSeconds, DateTimeOffset now)
    {
        if (status.Condition("Progressing") is not { } condition) return false;
        var reason = (string?)condition["reason"];
        if (reason == "NewReplicaSetAvailable") return false;
        if (reason == "ProgressDeadlineExceeded") return true;
        return Time(condition["lastUpdateTime"]).AddSeconds(deadlineSeconds) < now;
    }

    private static TimeSpan? Wait(JsonObject deployment, JsonObject status, int? deadlineSeconds, DateTimeOffset now)
    {
        if (deadlineSeconds is null || status.Condition("Progressing") is not { } condition) return null;
        if (IsComplete(deployment, status) || (string?)condition["reason"] is "ProgressDeadlineExceeded" or "NewReplicaSetAvailable") return null;
        var left = Time(condition["lastUpdateTime"]).AddSeconds(deadlineSeconds.Value) - now;
        return left > TimeSpan.Zero ? left + TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(1);
    }

    /// <summary>A time that nobody wrote is long ago.</summary>
    private static DateTimeOffset Time(JsonNode? value) =>
        DateTimeOffset.TryParse((string?)value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : DateTimeOffset.MinValue;
}
