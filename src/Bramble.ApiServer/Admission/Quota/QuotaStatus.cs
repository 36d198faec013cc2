using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>What the status of a ResourceQuota should say. Pure but for the caches it reads.</summary>
internal static class QuotaStatus
{
    private static readonly GroupResource Pods = new("", "pods");
    private static readonly GroupResource Definitions = new("apiextensions.k8s.io", "customresourcedefinitions");
    private static readonly GroupResource Claims = new("", "persistentvolumeclaims");

    private static readonly string[] OfClaims = ["persistentvolumeclaims", "requests.storage"];

    private static readonly string[] OfPods =
    [
        "pods", "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
    ];

    /// <summary>The resources whose objects a quota counts.</summary>
    private static List<GroupResource> ResourcesOf(JsonObject? spec) =>
        [.. (spec.Object("hard") ?? []).SelectMany(limit => ResourcesOf(limit.Key)).Distinct()];

    /// <summary>The resources by whose objects a quota's status changes: those it counts, and the definitions that make some of them.</summary>
    public static IEnumerable<GroupResource> DependsOn(JsonObject? spec)
    {
        var resources = ResourcesOf(spec);
        return resources.All(QuotaUsage.IsBuiltIn) ? resources : resources.Append(Definitions);
    }

    /// <summary>Null: it says so already.</summary>
    public static JsonObject? Decide(JsonObject quota, IResourceReader reader, DateTimeOffset now)
    {
        var spec = quota.Object("spec");
        var hard = PodResources.Read(spec, "hard");
        var hasScopes = QuotaScopes.Has(spec);
        var used = new SortedDictionary<string, Quantity>(StringComparer.Ordinal);
        foreach (var (name, _) in hard)
            if (ResourceOf(name) is { } counted && QuotaUsage.CanCount(counted, reader)) used[name] = Quantity.FromUnits(0);
        foreach (var resource in ResourcesOf(spec))
        {
            foreach (var obj in reader.List(resource, quota.ObjectNamespace()))
            {
                var tree = obj.ToTree();
                if (hasScopes && !QuotaScopes.Match(spec, resource, tree)) continue;
                foreach (var (name, quantity) in QuotaUsage.Of(resource, tree, reader, now))
                    if (used.TryGetValue(name, out var sum)) used[name] = sum + quantity;
            }
        }
        var status = new JsonObject { ["hard"] = spec.Object("hard")?.DeepClone() ?? new JsonObject() };
        var shown = new JsonObject();
        foreach (var (name, quantity) in used) shown[name] = quantity.ToString();
        status["used"] = shown;
        return JsonNode.DeepEquals(status, quota.Object("status")) ? null : status;
    }

    private static IEnumerable<GroupResource> ResourcesOf(string name)
    {
        if (ResourceOf(name) is not { } one) yield break;
        yield return one;
        // What a Pod may ask for as an extended resource a claim may ask for as devices.
        if (one == Pods && name.StartsWith("requests.", StringComparison.Ordinal) && name.Contains('/')) yield return QuotaUsage.DeviceClaims;
    }

    /// <summary>Huge pages, and extended resources: of these only what is asked for can be limited.</summary>
    private static bool IsAskedFor(string name) =>
        name.StartsWith("requests.", StringComparison.Ordinal)
        && (name.StartsWith("requests.hugepages-", StringComparison.Ordinal) || name.StartsWith("requests.deviceclass.resource.kubernetes.io/", StringComparison.Ordinal) || !Formats.IsNativeResource(name));

    private static GroupResource? ResourceOf(string name)
    {
        if (name.StartsWith("count/", StringComparison.Ordinal))
        {
            var dot = name.IndexOf('.');
            return dot < 0 ? new GroupResource("", name["count/".Length..]) : new GroupResource(name[(dot + 1)..], name["count/".Length..dot]);
        }
        if (name.EndsWith(QuotaUsage.OfDeviceClass, StringComparison.Ordinal)) return QuotaUsage.DeviceClaims;
        if (OfClaims.Contains(name) || Array.Exists(OfClaims, one => name.EndsWith($".storageclass.storage.k8s.io/{one}", StringComparison.Ordinal))) return Claims;
        if (OfPods.Contains(name) || name.StartsWith("hugepages-", StringComparison.Ordinal) || IsAskedFor(name)) return Pods;
        if (name is "services" or "services.nodeports" or "services.loadbalancers") return new GroupResource("", "services");
        return name is "replicationcontrollers" or "resourcequotas" or "secrets" or "configmaps" ? new GroupResource("", name) : null;
    }
}
