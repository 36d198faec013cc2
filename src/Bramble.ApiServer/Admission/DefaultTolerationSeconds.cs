using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>How long a pod stays on a lost node unless it says otherwise.</summary>
/// <param name="notReady">Seconds.</param>
/// <param name="unreachable">Seconds.</param>
internal sealed class DefaultTolerationSeconds(int notReady, int unreachable) : IAdmissionPlugin
{
    private readonly (string Key, int Seconds)[] _taints = [("node.kubernetes.io/not-ready", notReady), ("node.kubernetes.io/unreachable", unreachable)];

    public string Name => "DefaultTolerationSeconds";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.IsCreateOrUpdate() && request.Is("", "pods");

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        AddTo(request.Object!.Child("spec"));
        return default;
    }

    internal void AddTo(JsonObject spec)
    {
        var given = spec.Array("tolerations")?.OfType<JsonObject>().ToList() ?? [];
        foreach (var (taint, seconds) in _taints)
        {
            if (given.Any(t => (t.Text("key").Length == 0 || t.Text("key") == taint) && t.Text("effect") is ("" or "NoExecute"))) continue;
            if (spec.Array("tolerations") is not { } tolerations) spec["tolerations"] = tolerations = [];
            tolerations.Add((JsonNode)new JsonObject { ["key"] = taint, ["operator"] = "Exists", ["effect"] = "NoExecute", ["tolerationSeconds"] = seconds });
        }
    }
}
