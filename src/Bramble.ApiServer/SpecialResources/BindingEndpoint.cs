using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>POST pods/NAME/binding, and the old bindings: gives a pod its node. What the scheduler does with every pod.</summary>
internal sealed class BindingEndpoint(GroupResource resource, string subresource, TimeProvider time) : VirtualEndpoint(resource, subresource)
{
    private static readonly GroupResource Pods = new("", "pods");

    protected override async ValueTask<JsonObject> CreateAsync(SpecialRequest request, JsonObject body, CancellationToken cancel)
    {
        var pod = body.ObjectName();
        if (Subresource.Length > 0 && pod != request.Info.Name) throw StatusErrors.BadRequest("name in URL does not match name in Binding object");
        Validate(body.Object("target"));
        if (pod.Length == 0) throw StatusErrors.BadRequest("Name parameter required.");
        await request.Writer.ChangeStoredAsync(Pods, new NamespacedName(request.Info.Namespace, pod), request.Request, request.IsDryRun, tree => Bind(tree, body), cancel);
        return Success;
    }

    private static void Validate(JsonObject? target)
    {
        var errors = new FieldErrors();
        if (target.Text("kind") is { Length: > 0 } kind && kind != "Node") errors.NotSupported("target.kind", kind, ["Node", "<empty>"]);
        if (target.Text("name").Length == 0) errors.Required("target.name");
        // Upstream answers a bare error here, without reason and details.
        if (errors.Count > 0) throw new StatusException(new Status(500, "", errors.Count == 1 ? errors[0].ToString() : $"[{string.Join(", ", errors)}]"));
    }

    private bool Bind(JsonObject pod, JsonObject binding)
    {
        var name = pod.ObjectName();
        CheckPreconditions(pod, binding.Object("metadata"));
        var spec = pod.Child("spec");
        if (pod.Object("metadata").Has("deletionTimestamp")) throw Refused(name, $"pod {name} is being deleted, cannot be assigned to a host");
        if (spec.Text("nodeName") is { Length: > 0 } node) throw Refused(name, $"pod {name} is already assigned to node {FieldError.Quote(node)}");
        if (spec.Count("schedulingGates") > 0) throw Refused(name, $"pod {name} has non-empty .spec.schedulingGates");
        spec["nodeName"] = binding.Object("target").Text("name");
        var status = pod.Child("status");
        status.Remove("nominatedNodeName");
        Merge(pod.Child("metadata"), binding.Object("metadata"), "annotations");
        Merge(pod.Child("metadata"), binding.Object("metadata"), "labels");
        PodConditions.Set(status, "PodScheduled", "True", "", "", time.GetUtcNow());
        return true;
    }

    private static StatusException Refused(string pod, string why) => StatusErrors.Conflict(new("", "pods/binding"), pod, why);

    private static void CheckPreconditions(JsonObject pod, JsonObject? wanted)
    {
        var metadata = pod.Object("metadata");
        var failed = wanted.Text("uid") is { Length: > 0 } uid && uid != metadata.Text("uid")
            ? $"UID in precondition: {uid}, UID in object meta: {metadata.Text("uid")}"
            : wanted.Text("resourceVersion") is { Length: > 0 } version && version != metadata.Text("resourceVersion")
                ? $"ResourceVersion in precondition: {version}, ResourceVersion in object meta: {metadata.Text("resourceVersion")}"
                : null;
        if (failed is null) return;
        var key = $"/registry/pods/{metadata.Text("namespace")}/{metadata.Text("name")}";
        throw StatusErrors.Conflict(Pods, metadata.Text("name"), $"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: {failed}");
    }

    private static void Merge(JsonObject metadata, JsonObject? from, string map)
    {
        foreach (var (key, value) in from.TextMap(map)) metadata.Child(map)[key] = value;
    }
}
