using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.CustomResources;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>What one object uses of a ResourceQuota, by the names a quota may limit. Pure but for the caches it reads.</summary>
internal static class QuotaUsage
{
    public static readonly GroupResource DeviceClaims = new("resource.k8s.io", "resourceclaims");

    private static readonly GroupResource Definitions = new("apiextensions.k8s.io", "customresourcedefinitions");

    /// <summary>No quota limits these.</summary>
    private static readonly HashSet<GroupResource> Uncounted = [new("", "namespaces"), new("", "bindings"), new("", "events"), new("events.k8s.io", "events"), new("authorization.k8s.io", "localsubjectaccessreviews")];

    private static readonly Quantity One = Quantity.FromUnits(1);

    /// <summary>Counted under their own name as well as under <c>count/</c>.</summary>
    private static readonly HashSet<string> CountedByName = new(StringComparer.Ordinal)
    {
        "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
    };

    public static bool IsUncounted(GroupResource resource) => Uncounted.Contains(resource);

    /// <summary>Whether there can be objects to count: the resource is served, in namespaces.</summary>
    public static bool CanCount(GroupResource resource, IResourceReader reader)
    {
        if (IsUncounted(resource)) return false;
        if (IsBuiltIn(resource)) return ApiCatalog.BuiltIn.Versions(resource)[0] is { IsNamespaced: true } api && api.HasVerb("create") && api.HasVerb("delete") && api.HasVerb("watch");
        return reader.Find(Definitions, new("", resource.ToString()))?.ToTree() is { } found && found.Object("spec").Text("scope") == "Namespaced" && Definition.ConditionIs(found, "Established");
    }

    public static bool IsBuiltIn(GroupResource resource) => ApiCatalog.BuiltIn.Versions(resource).Count > 0;

    /// <param name="reader">Finds the classes of devices, and the Pod a claim was made for.</param>
    public static Dictionary<string, Quantity> Of(GroupResource resource, JsonObject obj, IResourceReader reader, DateTimeOffset now)
    {
        Dictionary<string, Quantity> usage = new(StringComparer.Ordinal) { [$"count/{resource}"] = One };
        if (resource == DeviceClaims)
        {
            AddDevices(usage, obj.Object("spec").Object("devices"));
            DevicesAsResources.Add(usage, obj, reader, now);
        }
        if (resource.Group.Length > 0) return usage;
        if (resource.Resource == "pods") AddPod(usage, obj, now);
        else if (CountedByName.Contains(resource.Resource)) usage[resource.Resource] = One;
        if (resource.Resource == "services") AddService(usage, obj.Object("spec"));
        if (resource.Resource == "persistentvolumeclaims") AddClaim(usage, obj);
        return usage;
    }

    private static void AddPod(Dictionary<string, Quantity> usage, JsonObject pod, DateTimeOffset now)
    {
        // A finished pod holds its object, but no node's resources; one that a lost node cannot end must not keep its successor out.
        if (pod.Object("status").Text("phase") is "Succeeded" or "Failed") return;
        var meta = pod.Object("metadata");
        if (KubernetesTime.Read(meta.Text("deletionTimestamp")) is { } due && meta.LongOrNull("deletionGracePeriodSeconds") is { } grace && now > due.AddSeconds(grace)) return;
        usage["pods"] = One;
        foreach (var (name, quantity) in PodResources.OfPod(pod.Object("spec"), "requests", withOverhead: true, pod.Object("status")))
        {
            usage[$"requests.{name}"] = quantity;
            if (name is "cpu" or "memory" or "ephemeral-storage" || name.StartsWith("hugepages-", StringComparison.Ordinal)) usage[name] = quantity;
        }
        foreach (var (name, quantity) in PodResources.OfPod(pod.Object("spec"), "limits", withOverhead: true, pod.Object("status")))
            if (name is "cpu" or "memory" or "ephemeral-storage") usage[$"limits.{name}"] = quantity;
    }

    /// <summary>How a quota names the devices of a class: <c>gpu.deviceclass.resource.k8s.io/devices</c>.</summary>
    public const string OfDeviceClass = ".deviceclass.resource.k8s.io/devices";

    private static void AddDevices(Dictionary<string, Quantity> usage, JsonObject? devices)
    {
        foreach (var (_, request) in devices.Items("requests"))
        {
            // Of alternatives of one class the largest counts.
            Dictionary<string, Quantity> wanted = new(StringComparer.Ordinal);
            if (request.Count("firstAvailable") == 0) AddDevice(wanted, request.Object("exactly"));
            foreach (var (_, alternative) in request.Items("firstAvailable")) AddDevice(wanted, alternative);
            PodResources.Add(usage, wanted);
        }
    }

    private static void AddDevice(Dictionary<string, Quantity> wanted, JsonObject? request)
    {
        if (request is null) return;
        var (name, count) = (request.Text("deviceClassName") + OfDeviceClass, Quantity.FromUnits(request.Text("allocationMode") switch { "ExactCount" => request.Long("count"), "All" => DeviceRules.ListMax, _ => 0 }));
        if (!wanted.TryGetValue(name, out var known) || count > known) wanted[name] = count;
    }

    private static void AddService(Dictionary<string, Quantity> usage, JsonObject? spec)
    {
        var ports = Quantity.FromUnits(spec.Count("ports"));
        switch (spec.Text("type"))
        {
            case "NodePort":
                usage["services.nodeports"] = ports;
                break;
            case "LoadBalancer":
                usage["services.loadbalancers"] = One;
                // Where none are allocated those count that are asked for by number.
                usage["services.nodeports"] = spec.BoolOrNull("allocateLoadBalancerNodePorts") ?? true
                    ? ports
                    : Quantity.FromUnits(spec.Array("ports")?.Count(port => (port as JsonObject).Long("nodePort") != 0) ?? 0);
                break;
        }
    }

    private static void AddClaim(Dictionary<string, Quantity> usage, JsonObject claim)
    {
        var className = claim.Annotations().TextOrNull("volume.beta.kubernetes.io/storage-class") ?? claim.Object("spec").Text("storageClassName");
        if (className.Length > 0) usage[$"{className}.storageclass.storage.k8s.io/persistentvolumeclaims"] = One;
        if (!Quantity.TryParse(claim.Object("spec").Object("resources").Object("requests").Text("storage"), out var storage, out _)) return;
        // An expansion that was begun counts until it is given up.
        if (Quantity.TryParse(claim.Object("status").Object("allocatedResources").Text("storage"), out var allocated, out _) && allocated > storage) storage = allocated;
        // Whole bytes, rounded up: a quota cannot say less.
        storage = Quantity.FromUnits(storage.ToUnits(), storage.Format);
        usage["requests.storage"] = storage;
        if (className.Length > 0) usage[$"{className}.storageclass.storage.k8s.io/requests.storage"] = storage;
    }
}
