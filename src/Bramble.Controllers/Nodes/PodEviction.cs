using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>How a Pod is removed for a taint: its status says why (KEP-3329), then it is deleted.</summary>
internal static class PodEviction
{
    /// <returns>False: it had gone by itself.</returns>
    public static async Task<bool> RunAsync(ControllerContext context, V1Pod pod, string reason, string message, CancellationToken cancel)
    {
        var condition = DisruptionTarget.Condition(pod, reason, message, context.Time.GetUtcNow());
        try
        {
            await context.Client.StrategicPatchAsync(
                Resources.Pods, pod.NamespacedName(),
                new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid }, ["status"] = new JsonObject { ["conditions"] = new JsonArray((JsonNode)condition) } },
                "status", cancel);
            await context.Client.DeleteAsync(Resources.Pods, pod.NamespacedName(), new DeleteQuery(Uid: pod.Metadata.Uid), cancel);
            return true;
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            return false;
        }
    }
}
