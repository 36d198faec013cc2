using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>A pod stays on a lost node for five minutes unless it says otherwise.</summary>
internal sealed class DefaultTolerationSeconds : IAdmissionPlugin
{
    private const int Seconds = 300;
    private static readonly string[] Taints = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

    public string Name => "DefaultTolerationSeconds";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.IsCreateOrUpdate() && request.Is("", "pods");

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var spec = request.Object!.Child("spec");
        var given = spec.Array("tolerations")?.OfType<JsonObject>().ToList() ?? [];
        foreach (var taint in Taints)
        {
            if (given.Any(t => (t.Text("key").Length == 0 || t.Text("key") == taint) && t.Text("effect") is ("" or "NoExecute"))) continue;
            if (spec.Array("tolerations") is not { } tolerations) spec["tolerations"] = tolerations = [];
            tolerations.Add((JsonNode)new JsonObject { ["key"] = taint, ["operator"] = "Exists", ["effect"] = "NoExecute", ["tolerationSeconds"] = Seconds });
        }
        return default;
    }
}
