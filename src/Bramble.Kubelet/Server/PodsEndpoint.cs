using System.Text.Json.Nodes;
using Bramble.Kubelet.Pods;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>/pods: the pods bound to this node, with the status the kubelet knows.</summary>
internal sealed class PodsEndpoint(PodWorkers workers, PodParts parts) : IKubeletEndpoint
{
    public async Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        var items = new JsonArray();
        foreach (var pod in workers.Pods.ToList())
        {
            // Gone from the API and still ending: no more of this node's pods for who asks.
            if (parts.Tree(pod) is not { } tree) continue;
            if (parts.Statuses.Find(pod) is { } status) tree["status"] = PodStatusTree.Of(status);
            items.Add((JsonNode)tree);
        }
        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(
            new JsonObject { ["kind"] = "PodList", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["items"] = items }.ToJsonString(), cancel);
    }
}
