using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>One validation of a pod spec: where the errors go and what its rules have to know of each other.</summary>
/// <param name="IsPod">A Pod, not a template.</param>
/// <param name="PodName">Name of the Pod; null in a template.</param>
internal sealed record PodScope(JsonObject Spec, FieldErrors Errors, bool IsPod, string? PodName)
{
    /// <summary>Valid volumes by name.</summary>
    public Dictionary<string, JsonObject> Volumes { get; } = new(StringComparer.Ordinal);

    /// <summary>Names in spec.resourceClaims.</summary>
    public HashSet<string> ClaimNames { get; } = new(StringComparer.Ordinal);

    public bool UsesHostUsers => Spec.BoolOrNull("hostUsers") ?? true;

    public long? GracePeriodSeconds => Spec.LongOrNull("terminationGracePeriodSeconds");

    public string RestartPolicy => Spec.Text("restartPolicy");
}
