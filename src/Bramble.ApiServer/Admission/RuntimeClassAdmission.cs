using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>A pod's overhead and placement follow from its RuntimeClass.</summary>
internal sealed class RuntimeClassAdmission : IAdmissionPlugin
{
    private const string Mismatch = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

    public string Name => "RuntimeClass";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.Operation == AdmissionOperation.Create && request.Is("", "pods");

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var spec = request.Object!.Child("spec");
        if (Find(request) is not { } runtime) return default;
        if (runtime.Object("overhead", "podFixed") is { } overhead)
        {
            if (spec.Count("overhead") > 0 && !TreeEquality.Same(overhead, spec["overhead"])) throw request.Forbidden(Mismatch);
            spec["overhead"] = overhead.DeepClone();
        }
        if (runtime.Object("scheduling") is not { } scheduling) return default;
        foreach (var (key, value) in scheduling.TextMap("nodeSelector"))
        {
            if (spec.Object("nodeSelector").TextOrNull(key) is { } own && own != value)
                throw request.Forbidden($"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}");
            spec.Child("nodeSelector")[key] = value;
        }
        TolerationMerge.Add(spec, scheduling);
        return default;
    }

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var spec = request.Object!.Object("spec");
        if (Find(request)?.Object("overhead", "podFixed") is { } overhead)
        {
            if (!TreeEquality.Same(overhead, spec.Object("overhead"))) throw request.Forbidden(Mismatch);
        }
        else if (spec.Has("overhead"))
        {
            throw request.Forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
        }
        return default;
    }

    private static JsonObject? Find(AdmissionRequest request)
    {
        if (request.Object.Object("spec").TextOrNull("runtimeClassName") is not { } name) return null;
        return request.Reader.Find(new("node.k8s.io", "runtimeclasses"), new("", name))?.ToTree() ?? throw request.Forbidden($"pod rejected: RuntimeClass \"{name}\" not found");
    }
}
