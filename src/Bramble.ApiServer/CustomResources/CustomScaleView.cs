using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.CustomResources;

/// <summary>The scale of a custom resource, at the paths its definition names.</summary>
internal sealed class CustomScaleView(GroupResource resource, string replicasPath, string statusReplicasPath, string selectorPath) : ISubresourceView
{
    private const int Nowhere = int.MinValue;

    public GroupResource Resource { get; } = resource;
    public string Subresource => "scale";
    public IReadOnlyList<string> ReplicasPath { get; } = Parts(replicasPath);

    public JsonObject Read(JsonObject parent) => At(parent, replicasPath) is JsonValue replicas
        ? Read(parent, replicas)
        : throw StatusErrors.Internal($"the spec replicas field {FieldError.Quote(replicasPath)} does not exist");

    /// <summary>Replicas that are nowhere yet can be written all the same.</summary>
    public JsonObject ReadForWrite(JsonObject parent) => Read(parent, At(parent, replicasPath) as JsonValue ?? JsonValue.Create((long)Nowhere));

    private JsonObject Read(JsonObject parent, JsonValue replicas)
    {
        var (metadata, shown) = (parent.Object("metadata") ?? [], new JsonObject());
        foreach (var field in (ReadOnlySpan<string>)["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
            if (metadata[field] is { } value) shown[field] = value.DeepClone();
        var status = new JsonObject { ["replicas"] = (At(parent, statusReplicasPath) as JsonValue)?.DeepClone() ?? 0 };
        if (selectorPath.Length > 0 && At(parent, selectorPath).AsText() is { Length: > 0 } selector) status["selector"] = selector;
        var spec = new JsonObject();
        if (replicas.AsLong() != 0) spec["replicas"] = replicas.DeepClone();
        return new JsonObject { ["kind"] = "Scale", ["apiVersion"] = "autoscaling/v1", ["metadata"] = shown, ["spec"] = spec, ["status"] = status };
    }

    public void Write(JsonObject view, JsonObject parent, FieldErrors errors)
    {
        var replicas = view.Object("spec").Long("replicas");
        if (replicas == Nowhere) throw StatusErrors.BadRequest($"the spec replicas field {FieldError.Quote(replicasPath)} cannot be empty");
        if (replicas < 0) errors.Invalid(replicasPath, replicas, "should be a non-negative integer");
        var parts = Parts(replicasPath);
        var map = parent;
        foreach (var part in parts[..^1]) map = map.Child(part);
        map[parts[^1]] = replicas;
    }

    private static string[] Parts(string path) => path.TrimStart('.').Split('.');

    private static JsonNode? At(JsonObject tree, string path)
    {
        JsonNode? node = tree;
        foreach (var part in Parts(path)) node = (node as JsonObject)?[part];
        return node;
    }
}
