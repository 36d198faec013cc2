using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>The subresource scale of Deployments, ReplicaSets, StatefulSets and ReplicationControllers: replicas and selector as an autoscaling/v1 Scale.</summary>
internal sealed class ScaleView(GroupResource resource) : ISubresourceView
{
    public GroupResource Resource { get; } = resource;
    public string Subresource => "scale";

    public JsonObject Read(JsonObject parent)
    {
        var metadata = new JsonObject();
        foreach (var field in (ReadOnlySpan<string>)["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
            if (parent.Object("metadata").TextOrNull(field) is { } value) metadata[field] = value;
        var spec = new JsonObject();
        if (parent.Object("spec").Long("replicas") is not 0 and var replicas) spec["replicas"] = replicas;
        var status = new JsonObject { ["replicas"] = parent.Object("status").Long("replicas") };
        if (Selector(parent) is { Length: > 0 } selector) status["selector"] = selector;
        return new JsonObject { ["kind"] = "Scale", ["apiVersion"] = "autoscaling/v1", ["metadata"] = metadata, ["spec"] = spec, ["status"] = status };
    }

    public void Write(JsonObject view, JsonObject parent, FieldErrors errors)
    {
        var replicas = view.Object("spec").Long("replicas");
        if (replicas < 0) errors.Invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        parent.Child("spec")["replicas"] = replicas;
    }

    private string Selector(JsonObject parent)
    {
        var spec = parent.Object("spec");
        return Resource.Group.Length == 0 ? LabelSelector.FromLabels(spec.TextMap("selector")).ToString() : LabelSelector.FromObject(spec.Object("selector")).ToString();
    }
}
