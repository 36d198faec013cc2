using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>What a node may say about itself: no taints, owners or labels by which it could draw other people's pods to itself.</summary>
internal static class NodeSelfWrite
{
    public static void Check(AdmissionRequest request, string node)
    {
        var name = request.Operation == AdmissionOperation.Create && request.Name.Length == 0 ? request.Object?.ObjectName() ?? "" : request.Name;
        if (name != node) throw request.Forbidden($"node \"{node}\" is not allowed to modify node \"{name}\"");
        if (request.Object is not { } own) return;
        var (spec, old) = (own.Object("spec"), request.OldObject);
        if (request.Operation == AdmissionOperation.Create)
        {
            if (spec.Has("configSource")) throw request.Forbidden($"node \"{node}\" is not allowed to create pods with a non-nil configSource");
            if (ForbiddenLabels(own.Labels(), null) is { Count: > 0 } labels) throw request.Forbidden($"node \"{node}\" is not allowed to set the following labels: {string.Join(", ", labels)}");
            return;
        }
        if (request.Operation != AdmissionOperation.Update) return;
        if (spec.Has("configSource") && spec.Differs(old.Object("spec"), "configSource")) throw request.Forbidden($"node \"{node}\" is not allowed to update configSource to a new non-nil configSource");
        if (spec.Differs(old.Object("spec"), "taints")) throw request.Forbidden($"node \"{node}\" is not allowed to modify taints");
        if (own.Object("metadata").Differs(old.Object("metadata"), "ownerReferences")) throw request.Forbidden($"node \"{node}\" is not allowed to modify ownerReferences");
        if (ForbiddenLabels(own.Labels(), old.Labels()) is { Count: > 0 } changed) throw request.Forbidden($"is not allowed to modify labels: {string.Join(", ", changed)}");
    }

    private static List<string> ForbiddenLabels(JsonObject? labels, JsonObject? old)
    {
        var keys = (labels?.Select(label => label.Key) ?? []).Union(old?.Select(label => label.Key) ?? []);
        return [.. keys.Where(key => labels.TextOrNull(key) != old.TextOrNull(key) && !OwnNodeLabels.Contains(key)).Order(StringComparer.Ordinal)];
    }
}
