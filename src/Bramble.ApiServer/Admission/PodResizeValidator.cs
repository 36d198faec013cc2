using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>A bound pod is resized only where its node could ever hold it (KEP-1287): a Linux node with that much to give.</summary>
internal sealed class PodResizeValidator : IAdmissionPlugin
{
    public string Name => "PodResizeValidator";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.Operation == AdmissionOperation.Update && request.Is("", "pods", "resize");

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var pod = request.Object!;
        if (BoundNode.Of(request) is not { } node) return default;
        if (node.Labels().TextOrNull("kubernetes.io/os") is { } os and not "linux")
            throw Refused(request, $"pod resize is only supported on linux nodes, node \"{node.ObjectName()}\" is \"{os}\"", "UnsupportedPlatform");
        var (wanted, allocatable) = (PodResources.OfPod(pod.Object("spec"), "requests", withOverhead: true), PodResources.Read(node.Object("status"), "allocatable"));
        List<string> missing = [];
        Compare("cpu", quantity => quantity.ToMillis());
        Compare("memory", quantity => quantity.ToUnits());
        if (missing.Count > 0) throw Refused(request, $"node didn't have enough allocatable resources: {string.Join("; ", missing)}", "NodeCapacity");
        return default;

        void Compare(string name, Func<Quantity, long> shown)
        {
            var (asked, there) = (wanted.GetValueOrDefault(name), allocatable.GetValueOrDefault(name));
            if (asked > there) missing.Add(string.Create(CultureInfo.InvariantCulture, $"{name}, requested: {shown(asked)}, allocatable: {shown(there)}"));
        }
    }

    private static StatusException Refused(AdmissionRequest request, string why, string reason)
    {
        var status = request.Forbidden(why).Status;
        return new StatusException(status with { Details = status.Details! with { Causes = [new StatusCause(reason, "", "")] } });
    }
}

/// <summary>A bound pod changes only in ways that its node has declared to understand (KEP-5328).</summary>
internal sealed class NodeDeclaredFeatureValidator : IAdmissionPlugin
{
    public string Name => "NodeDeclaredFeatureValidator";

    public bool Handles(AdmissionRequest request) =>
        request.Object is not null && request.Operation == AdmissionOperation.Update && (request.Is("", "pods") || request.Is("", "pods", "resize"));

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var needed = Needed(request.OldObject.Object("spec"), request.Object.Object("spec"));
        if (needed.Count == 0 || BoundNode.Of(request) is not { } node) return default;
        var missing = needed.Except(node.Object("status").Texts("declaredFeatures")).ToList();
        if (missing.Count > 0) throw request.Forbidden($"pod update requires features {string.Join(", ", missing)} which are not available on node \"{node.ObjectName()}\"");
        return default;
    }

    /// <summary>What the node must know for the change from one spec to the other.</summary>
    private static List<string> Needed(JsonObject? old, JsonObject? spec)
    {
        List<string> needed = [];
        if (spec.Differs(old, "resources")) needed.Add("InPlacePodLevelResourcesVerticalScaling");
        foreach (var (index, container) in old.Items("initContainers"))
        {
            // Sidecars are resized as containers are.
            if (container.Text("restartPolicy") == "Always" || index >= spec.Count("initContainers")) continue;
            if ((spec.Array("initContainers")![index] as JsonObject).Differs(container, "resources")) needed.Add("InPlacePodVerticalScalingInitContainers");
        }

        return [.. needed.Distinct()];
    }
}

/// <summary>The node of a bound pod whose spec changes.</summary>
internal static class BoundNode
{
    /// <summary>Null: not bound, or nothing changes.</summary>
    public static JsonObject? Of(AdmissionRequest request)
    {
        var name = request.Object.Object("spec").Text("nodeName");
        if (name.Length == 0 || request.Object!.Generation() == request.OldObject!.Generation()) return null;
        return request.Reader.Find(new("", "nodes"), new("", name))?.ToTree() ?? throw request.Forbidden($"node \"{name}\" not found");
    }
}
