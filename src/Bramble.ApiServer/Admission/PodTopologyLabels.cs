using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>A pod that is bound to a node learns the node's zone and region (KEP-4742): its containers may read them as labels.</summary>
internal sealed class PodTopologyLabels : IAdmissionPlugin
{
    private static readonly string[] Labels = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

    public string Name => "PodTopologyLabels";

    public bool Handles(AdmissionRequest request) =>
        request.Object is not null && request.Operation == AdmissionOperation.Create && (request.Is("", "pods") || request.Is("", "pods", "binding") || request.Is("", "bindings"));

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var obj = request.Object!;
        var node = request.Is("", "pods") ? obj.Object("spec").Text("nodeName") : obj.Object("target").Text("kind") == "Node" ? obj.Object("target").Text("name") : "";
        if (node.Length == 0 || request.Reader.Find(new("", "nodes"), new("", node))?.ToTree().Labels() is not { } labels) return default;
        foreach (var label in Labels)
            if (labels.TextOrNull(label) is { } value) obj.Child("metadata").Child("labels")[label] = value;
        return default;
    }
}
