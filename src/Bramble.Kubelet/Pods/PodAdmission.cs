using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>Whether a pod may run here at all: the scheduler's word checked against what the node has. Pure; upstream's reasons.</summary>
internal static class PodAdmission
{
    /// <summary>How the message of a failed pod begins.</summary>
    public const string Rejected = "Pod was rejected: ";

    /// <summary>Only the reason, without that.</summary>
    public static string Why(string message) => message.Replace(Rejected, "", StringComparison.Ordinal);

    /// <param name="others">Pods that run here and have not ended.</param>
    /// <returns>Null: admitted. Else the reason and message of its failure.</returns>
    public static (string Reason, string Message)? Decide(V1Pod pod, V1Node node, IReadOnlyCollection<V1Pod> others)
    {
        if (pod.Spec.SecurityContext?.SupplementalGroupsPolicy == "Strict" && node.Status?.Features?.SupplementalGroupsPolicy != true)
            return ("SupplementalGroupsPolicyNotSupported", Rejected + "SupplementalGroupsPolicy=Strict is not supported in this node");
        var allocatable = node.Status?.Allocatable ?? node.Status?.Capacity;
        var critical = pod.IsStatic() || pod.Spec.Priority >= 2_000_000_000;
        if (PodSpecs.Amount(allocatable, "pods") is > 0 and var podsMax && others.Count + 1 > podsMax)
            return Out("pods", 1, others.Count, podsMax);
        foreach (var resource in pod.Spec.AllContainers().SelectMany(c => (c.Container.Resources?.Requests?.Keys ?? []).Concat(c.Container.Resources?.Limits?.Keys ?? []))
            .Concat(pod.Spec.Resources?.Requests?.Keys ?? []).Distinct().Order(StringComparer.Ordinal))
        {
            var requested = pod.Spec.EffectiveRequest(resource);
            if (requested == 0 || IsOfDriver(pod, resource, allocatable)) continue;
            var used = others.Sum(o => o.Spec.EffectiveRequest(resource));
            var capacity = PodSpecs.Amount(allocatable, resource);
            if (requested + used > capacity && !critical) return Out(resource, Shown(resource, requested), Shown(resource, used), Shown(resource, capacity));
        }
        if (!NodeSelection.Matches(pod.Spec, node)) return ("NodeAffinity", Rejected + "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
        foreach (var taint in node.Spec?.Taints ?? [])
        {
            if (taint.Effect != "NoExecute" || critical) continue;
            if (!(pod.Spec.Tolerations ?? []).Any(t => Tolerates(t, taint)))
                return ("TaintToleration", Rejected + "Predicate TaintToleration failed: node(s) had untolerated taint(s)");
        }
        return null;
    }

    /// <summary>An extended resource that the node does not count: devices of a ResourceClaim, or what a scheduler's extender gives.</summary>
    private static bool IsOfDriver(V1Pod pod, string resource, IDictionary<string, ResourceQuantity>? allocatable) =>
        pod.Status?.ExtendedResourceClaimStatus?.RequestMappings?.Any(m => m.ResourceName == resource) == true
        || (resource.Contains('/') && !resource.Contains("kubernetes.io/", StringComparison.Ordinal) && allocatable?.ContainsKey(resource) != true);

    // CPU in millicores, everything else in its own unit.
    private static decimal Shown(string resource, decimal amount) => resource == "cpu" ? amount * 1000 : amount;

    private static (string, string) Out(string resource, decimal requested, decimal used, decimal capacity) =>
        ($"OutOf{resource}", FormattableString.Invariant($"{Rejected}Node didn't have enough resource: {resource}, requested: {requested:0}, used: {used:0}, capacity: {capacity:0}"));

    private static bool Tolerates(V1Toleration t, V1Taint taint) =>
        (string.IsNullOrEmpty(t.Effect) || t.Effect == taint.Effect)
        && (string.IsNullOrEmpty(t.Key) ? t.OperatorProperty == "Exists" : t.Key == taint.Key)
        && (t.OperatorProperty == "Exists" || (t.Value ?? "") == (taint.Value ?? ""));
}

/// <summary>nodeSelector and required node affinity. Pure.</summary>
internal static class NodeSelection
{
    public static bool Matches(V1PodSpec spec, V1Node node)
    {
        var labels = node.Metadata.Labels ?? new Dictionary<string, string>();
        foreach (var (key, value) in spec.NodeSelector ?? new Dictionary<string, string>())
            if (!labels.TryGetValue(key, out var have) || have != value) return false;
        var terms = spec.Affinity?.NodeAffinity?.RequiredDuringSchedulingIgnoredDuringExecution?.NodeSelectorTerms;
        return terms is null || terms.Any(t => Matches(t, labels, node.Metadata.Name));
    }

    private static bool Matches(V1NodeSelectorTerm term, IDictionary<string, string> labels, string name)
    {
        if (term.MatchExpressions is not { Count: > 0 } && term.MatchFields is not { Count: > 0 }) return false;
        return (term.MatchExpressions ?? []).All(r => Matches(r, labels.TryGetValue(r.Key, out var v) ? v : null))
            && (term.MatchFields ?? []).All(r => Matches(r, r.Key == "metadata.name" ? name : null));
    }

    private static bool Matches(V1NodeSelectorRequirement r, string? value) => r.OperatorProperty switch
    {
        "In" => value is not null && r.Values.Contains(value),
        "NotIn" => value is null || !r.Values.Contains(value),
        "Exists" => value is not null,
        "DoesNotExist" => value is null,
        "Gt" => long.TryParse(value, out var a) && long.TryParse(r.Values.FirstOrDefault(), out var b) && a > b,
        "Lt" => long.TryParse(value, out var c) && long.TryParse(r.Values.FirstOrDefault(), out var d) && c < d,
        _ => false,
    };
}
