using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>A new node takes no pods until it has said that it is ready.</summary>
internal sealed class TaintNodesByCondition : IAdmissionPlugin
{
    private const string NotReady = "node.kubernetes.io/not-ready";

    public string Name => "TaintNodesByCondition";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.Operation == AdmissionOperation.Create && request.Is("", "nodes");

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var spec = request.Object!.Child("spec");
        if (spec.Array("taints") is not { } taints) spec["taints"] = taints = [];
        if (!taints.OfType<JsonObject>().Any(taint => taint.Text("key") == NotReady && taint.Text("effect") == "NoSchedule"))
            taints.Add((JsonNode)new JsonObject { ["key"] = NotReady, ["effect"] = "NoSchedule" });
        return default;
    }
}
