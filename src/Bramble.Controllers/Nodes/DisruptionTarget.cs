using System.Text.Json.Nodes;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>The condition that says why a Pod is about to be ended from outside. KEP-3329.</summary>
internal static class DisruptionTarget
{
    public const string Type = "DisruptionTarget";

    public static JsonObject Condition(V1Pod pod, string reason, string message, DateTimeOffset now)
    {
        // Another reason for what is true already is no transition.
        var since = pod.Status?.Conditions?.FirstOrDefault(c => c is { Type: Type, Status: "True" })?.LastTransitionTime;
        var condition = new JsonObject { ["type"] = Type, ["status"] = "True", ["reason"] = reason, ["message"] = message, ["lastTransitionTime"] = KubeTime.Seconds(since ?? now) };
        if (pod.Metadata.Generation is { } generation and > 0) condition["observedGeneration"] = generation;
        return condition;
    }
}
