using Bramble.Client.Placement;
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
    /// <returns>Null: admitted; for a critical pod others may have to make room (<see cref="PodPreemption"/>). Else the reason and message of its failure.</returns>
    public static (string Reason, string Message)? Decide(V1Pod pod, V1Node node, IReadOnlyCollection<V1Pod> others)
    {
        if (pod.Metadata.Labels is { } labels && labels.TryGetValue("kubernetes.io/os", out var os) && os != "linux")
            return ("PodOSSelectorNodeLabelDoesNotMatch", Rejected + "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label");
        if (pod.Spec.Os is { Name: not "linux" }) return ("PodOSNotSupported", Rejected + "Failed to admit pod as the OS field doesn't match node OS");
        if (pod.Spec.SecurityContext?.SupplementalGroupsPolicy == "Strict" && node.Status?.Features?.SupplementalGroupsPolicy != true)
            return ("SupplementalGroupsPolicyNotSupported", Rejected + "SupplementalGroupsPolicy=Strict is not supported in this node");
        if (!pod.IsCritical() && Shortages(pod, node, others) is [var shortage, ..]) return ($"OutOf{shortage.Resource}", Rejected + shortage);
        if (!NodeSelection.Matches(pod.Spec, node)) return ("NodeAffinity", Rejected + "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
        if (HostPort.Of(pod) is { Length: > 0 } ports && others.Any(other => HostPort.AnyConflict(ports, HostPort.Of(other))))
            return ("NodePorts", Rejected + "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports");
        if (!pod.IsStatic() && (node.Spec?.Taints ?? []).Any(taint => taint.Effect == "NoExecute" && !Tolerations.Tolerates(pod.Spec.Tolerations, taint)))
            return ("TaintToleration", Rejected + "Predicate TaintToleration failed: node(s) had untolerated taint(s)");
        return null;
    }

    /// <summary>What the node has too little of for the pod beside the others.</summary>
    public static List<Shortage> Shortages(V1Pod pod, V1Node node, IReadOnlyCollection<V1Pod> others)
    {
        var shortages = new List<Shortage>();
        var allocatable = node.Status?.Allocatable ?? node.Status?.Capacity;
        if (PodSpecs.Amount(allocatable, "pods") is > 0 and var podsMax && others.Count + 1 > podsMax) shortages.Add(new("pods", 1, others.Count, podsMax));
        foreach (var resource in pod.Spec.AllContainers().SelectMany(c => (c.Container.Resources?.Requests?.Keys ?? []).Concat(c.Container.Resources?.Limits?.Keys ?? []))
            .Concat(pod.Spec.Resources?.Requests?.Keys ?? []).Distinct().OrderBy(Rank).ThenBy(name => name, StringComparer.Ordinal))
        {
            var requested = pod.Spec.EffectiveRequest(resource);
            if (requested == 0 || IsOfDriver(pod, resource, allocatable)) continue;
            var used = others.Sum(o => o.Spec.EffectiveRequest(resource));
            var capacity = PodSpecs.Amount(allocatable, resource);
            if (requested + used > capacity) shortages.Add(new(resource, requested, used, capacity));
        }
        return shortages;
    }

    /// <summary>Upstream looks at the resources in this order and tells the first.</summary>
    private static int Rank(string resource) => resource switch { "cpu" => 0, "memory" => 1, "ephemeral-storage" => 2, _ => 3 };

    /// <summary>An extended resource that the node does not count: devices of a ResourceClaim, or what a scheduler's extender gives.</summary>
    private static bool IsOfDriver(V1Pod pod, string resource, IDictionary<string, ResourceQuantity>? allocatable) =>
        pod.Status?.ExtendedResourceClaimStatus?.RequestMappings?.Any(m => m.ResourceName == resource) == true
        || (resource.Contains('/') && !resource.Contains("kubernetes.io/", StringComparison.Ordinal) && allocatable?.ContainsKey(resource) != true);
}
