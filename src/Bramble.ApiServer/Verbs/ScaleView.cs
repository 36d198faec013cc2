using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>The scale of what has replicas: autoscaling/v1 Scale as a view of its spec and status.</summary>
public sealed class ScaleView(GroupResource resource) : ISubresourceView
{
    public static readonly GroupVersionKind Kind = new("autoscaling", "v1", "Scale");

    /// <summary>Of all built-in resources that scale.</summary>
    public static IReadOnlyList<ISubresourceView> BuiltIn { get; } =
    [
        new ScaleView(new("apps", "deployments")),
        new ScaleView(new("apps", "replicasets")),
        new ScaleView(new("apps", "statefulsets")),
        new ScaleView(new("", "replicationcontrollers")),
    ];

    public GroupResource Resource { get; } = resource;
    public string Subresource => "scale";
    public IReadOnlyList<string> ReplicasPath { get; } = ["spec", "replicas"];

    public JsonObject Read(JsonObject parent)
    {
        var meta = parent.Meta();
        var shown = new JsonObject();
        foreach (var field in (ReadOnlySpan<string>)["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
            if (meta[field] is { } value) shown[field] = value.DeepClone();
        var spec = new JsonObject();
        if ((parent["spec"] as JsonObject)?.LongOrNull("replicas") is { } replicas and not 0) spec["replicas"] = replicas;
        var status = new JsonObject { ["replicas"] = (parent["status"] as JsonObject)?.LongOrNull("replicas") ?? 0 };
        if (Selector(parent) is { Length: > 0 } selector) status["selector"] = selector;
        return new JsonObject { ["kind"] = "Scale", ["apiVersion"] = "autoscaling/v1", ["metadata"] = shown, ["spec"] = spec, ["status"] = status };
    }

    public void Write(JsonObject view, JsonObject parent, FieldErrors errors)
    {
        var replicas = (view["spec"] as JsonObject)?.LongOrNull("replicas") ?? 0;
        if (replicas < 0) errors.Invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        if (parent["spec"] is JsonObject spec) spec["replicas"] = replicas;
    }

    private string Selector(JsonObject parent)
    {
        if (parent["spec"]?["selector"] is not JsonObject selector) return "";
        return Resource.Group.Length == 0
            ? LabelSelector.FromLabels(selector.Select(l => KeyValuePair.Create(l.Key, l.Value?.GetValue<string>() ?? ""))).ToString()
            : LabelSelector.FromObject(selector).ToString();
    }
}
