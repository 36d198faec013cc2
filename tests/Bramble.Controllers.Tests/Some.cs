using System.Text.Json.Nodes;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Tests;

/// <summary>Objects that tests say only the telling parts of.</summary>
internal static class Some
{
    public static readonly DateTimeOffset Noon = new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static JsonObject Tree(string json) => JsonNode.Parse(json)!.AsObject();

    public static T Model<T>(string json) where T : class, k8s.IKubernetesObject<V1ObjectMeta> => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(json)).Model<T>();

    /// <param name="ready">Since when; null: not ready.</param>
    public static V1Pod Pod(
        string name, string phase = "Running", DateTimeOffset? ready = null, bool isBeingDeleted = false, string? hash = null, string? node = null, string labels = "", DateTimeOffset? created = null,
        string spec = "", string status = "")
    {
        var readiness = ready is { } since
            ? $$"""{"type":"Ready","status":"True","lastTransitionTime":"{{KubeTime.Seconds(since)}}"}"""
            : $$"""{"type":"Ready","status":"False","lastTransitionTime":"{{KubeTime.Seconds(Noon.AddHours(-1))}}"}""";
        var allLabels = string.Join(',', new[] { labels, hash is null ? "" : $"\"controller-revision-hash\":\"{hash}\"" }.Where(l => l.Length > 0));
        return Model<V1Pod>($$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"d","uid":"uid-{{{name}}}","creationTimestamp":"{{{KubeTime.Seconds(created ?? Noon.AddHours(-1))}}}","labels":{ {{{allLabels}}} }
              {{{(isBeingDeleted ? $",\"deletionTimestamp\":\"{KubeTime.Seconds(Noon)}\"" : "")}}} },
             "spec":{ {{{(node is null ? "" : $"\"nodeName\":\"{node}\"")}}} {{{(node is not null && spec.Length > 0 ? "," : "")}}} {{{spec}}} },
             "status":{"phase":"{{{phase}}}","conditions":[{{{readiness}}}] {{{status}}} } }
            """);
    }

    public static V1Node Node(string name, string labels = "", string taints = "[]", string ready = "True", string cpu = "4") => Model<V1Node>($$$"""
        {"metadata":{"name":"{{{name}}}","labels":{ {{{labels}}} }},"spec":{"taints":{{{taints}}} },
         "status":{"allocatable":{"cpu":"{{{cpu}}}"},"conditions":[{"type":"Ready","status":"{{{ready}}}"}] } }
        """);
}
