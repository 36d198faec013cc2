using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Admission.Quota;
using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Tests.Admission;

/// <summary>What a quota refuses, and in which words.</summary>
public class QuotaAdmissionTests
{
    private const string Pod = """{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"100m"}}}]}}""";

    /// <summary>What a quota says, group/resource (and subresource), the object, the old one of an update, the refusal (empty: none).</summary>
    public static TheoryData<string, string, string, string, string?, string> Writes => new()
    {
        { "a pod fits", """{"hard":{"pods":"2"}}""", "/pods", Pod, null, "" },
        { "one too many", """{"hard":{"pods":"1"}}""", "/pods", Pod, null, "pods \"new\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" },
        { "what must be said", """{"hard":{"limits.cpu":"1","requests.memory":"1"}}""", "/pods", Pod, null, "pods \"new\" is forbidden: failed quota: q: must specify limits.cpu for: c; requests.memory for: c" },
        { "what is said for the pod frees its containers", """{"hard":{"limits.cpu":"1"}}""", "/pods", """{"spec":{"resources":{"limits":{"cpu":"1"}},"containers":[{"name":"c"}]}}""", null, "" },
        { "a scope the pod is not in", """{"hard":{"pods":"0"},"scopes":["Terminating"]}""", "/pods", Pod, null, "" },
        { "a deadline brings a pod into a scope", """{"hard":{"pods":"0"},"scopes":["Terminating"]}""", "/pods", """{"spec":{"activeDeadlineSeconds":5}}""", Pod,
            "pods \"new\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0" },
        { "a device alone leaves a pod best effort", """{"hard":{"pods":"0"},"scopes":["BestEffort"]}""", "/pods", """{"spec":{"containers":[{"name":"c","resources":{"limits":{"e.com/gpu":"1"}}}]}}""", null,
            "pods \"new\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=0" },
        { "an expansion that was begun counts", """{"hard":{"requests.storage":"1Gi"}}""", "/persistentvolumeclaims", """{"spec":{"resources":{"requests":{"storage":"1Gi"}}},"status":{"allocatedResources":{"storage":"2Gi"}}}""", null,
            "persistentvolumeclaims \"new\" is forbidden: exceeded quota: q, requested: requests.storage=2Gi, used: requests.storage=0, limited: requests.storage=1Gi" },
        { "a part of a byte is a byte", """{"hard":{"requests.storage":"1"}}""", "/persistentvolumeclaims", """{"spec":{"resources":{"requests":{"storage":"1100m"}}}}""", null,
            "persistentvolumeclaims \"new\" is forbidden: exceeded quota: q, requested: requests.storage=2, used: requests.storage=0, limited: requests.storage=1" },
        { "a class of volume attributes is a scope of claims", """{"hard":{"persistentvolumeclaims":"0"},"scopeSelector":{"matchExpressions":[{"scopeName":"VolumeAttributesClass","operator":"In","values":["gold"]}]}}""",
            "/persistentvolumeclaims", """{"spec":{"volumeAttributesClassName":"gold"}}""", null,
            "persistentvolumeclaims \"new\" is forbidden: exceeded quota: q, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=0, limited: persistentvolumeclaims=0" },
        { "another class is not in it", """{"hard":{"persistentvolumeclaims":"0"},"scopeSelector":{"matchExpressions":[{"scopeName":"VolumeAttributesClass","operator":"In","values":["gold"]}]}}""",
            "/persistentvolumeclaims", """{"spec":{"volumeAttributesClassName":"tin"}}""", null, "" },
        { "a claim that is brought into a scope", """{"hard":{"persistentvolumeclaims":"0"},"scopeSelector":{"matchExpressions":[{"scopeName":"VolumeAttributesClass","operator":"In","values":["gold"]}]}}""",
            "/persistentvolumeclaims", """{"spec":{"volumeAttributesClassName":"gold"}}""", """{"spec":{}}""",
            "persistentvolumeclaims \"new\" is forbidden: exceeded quota: q, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=0, limited: persistentvolumeclaims=0" },
        { "devices are counted by class", """{"hard":{"gpu.deviceclass.resource.k8s.io/devices":"3"}}""", "resource.k8s.io/resourceclaims",
            """{"spec":{"devices":{"requests":[{"exactly":{"deviceClassName":"gpu","allocationMode":"ExactCount","count":2}},{"firstAvailable":[{"deviceClassName":"gpu","allocationMode":"ExactCount","count":2},{"deviceClassName":"gpu","allocationMode":"ExactCount","count":1}]}]}}}""",
            null, "resourceclaims.resource.k8s.io \"new\" is forbidden: exceeded quota: q, requested: gpu.deviceclass.resource.k8s.io/devices=4, used: gpu.deviceclass.resource.k8s.io/devices=0, limited: gpu.deviceclass.resource.k8s.io/devices=3" },
        { "devices count as the resource of their class", """{"hard":{"requests.e.com/gpu":"1"}}""", "resource.k8s.io/resourceclaims", Claim("gpu", 2), null,
            "resourceclaims.resource.k8s.io \"new\" is forbidden: exceeded quota: q, requested: requests.e.com/gpu=2, used: requests.e.com/gpu=0, limited: requests.e.com/gpu=1" },
        { "and by the name that every class is a resource of", """{"hard":{"requests.deviceclass.resource.kubernetes.io/plain":"1"}}""", "resource.k8s.io/resourceclaims", Claim("plain", 2), null,
            "resourceclaims.resource.k8s.io \"new\" is forbidden: exceeded quota: q, requested: requests.deviceclass.resource.kubernetes.io/plain=2, used: requests.deviceclass.resource.kubernetes.io/plain=0, limited: requests.deviceclass.resource.kubernetes.io/plain=1" },
        { "a class that does not exist is no resource", """{"hard":{"requests.deviceclass.resource.kubernetes.io/none":"1"}}""", "resource.k8s.io/resourceclaims", Claim("none", 2), null, "" },
        { "what the scheduler makes for a Pod was counted with the Pod", """{"hard":{"requests.e.com/gpu":"2"}}""", "resource.k8s.io/resourceclaims", Claim("gpu", 2, "user", "u1"), null, "" },
        { "but for what is more", """{"hard":{"requests.e.com/gpu":"2"}}""", "resource.k8s.io/resourceclaims", Claim("gpu", 3, "user", "u1"), null,
            "resourceclaims.resource.k8s.io \"new\" is forbidden: exceeded quota: q, requested: requests.e.com/gpu=1, used: requests.e.com/gpu=2, limited: requests.e.com/gpu=2" },
        { "a claim that pretends to be a Pod's", """{"hard":{"requests.e.com/gpu":"2"}}""", "resource.k8s.io/resourceclaims", Claim("gpu", 2, "user", "another"), null,
            "resourceclaims.resource.k8s.io \"new\" is forbidden: exceeded quota: q, requested: requests.e.com/gpu=2, used: requests.e.com/gpu=2, limited: requests.e.com/gpu=2" },
        { "a Pod that has another claim already", """{"hard":{"requests.e.com/gpu":"4"}}""", "resource.k8s.io/resourceclaims", Claim("gpu", 4, "told", "u2"), null,
            "resourceclaims.resource.k8s.io \"new\" is forbidden: exceeded quota: q, requested: requests.e.com/gpu=4, used: requests.e.com/gpu=2, limited: requests.e.com/gpu=4" },
        { "node ports asked for by number count without allocation too", """{"hard":{"services.nodeports":"0"}}""", "/services",
            """{"spec":{"type":"LoadBalancer","allocateLoadBalancerNodePorts":false,"ports":[{"nodePort":30001},{}]}}""", null,
            "services \"new\" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=0, limited: services.nodeports=0" },
        { "events are never counted", """{"hard":{"count/events":"0"}}""", "/events", "{}", null, "" },
    };

    private static string Claim(string ofClass, int count, string? pod = null, string? uid = null)
    {
        var owner = pod is null ? "" : $$$""","annotations":{"resource.kubernetes.io/extended-resource-claim":"true"},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"{{{pod}}}","uid":"{{{uid}}}","controller":true}]""";
        return $$$$"""{"metadata":{"name":"new","namespace":"n"{{{{owner}}}}},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"{{{{ofClass}}}}","allocationMode":"ExactCount","count":{{{{count}}}} } }] } } }""";
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task A_write_within_a_quota(string why, string spec, string resource, string json, string? old, string refusal)
    {
        Assert.NotEmpty(why);
        var reader = new FixedReader().With("", "resourcequotas", $$"""{"metadata":{"name":"q","namespace":"n"},"spec":{{spec}}}""").With("", "pods", """{"metadata":{"name":"old","namespace":"n"},"spec":{}}""")
            .With("resource.k8s.io", "deviceclasses", """{"metadata":{"name":"gpu"},"spec":{"extendedResourceName":"e.com/gpu"}}""").With("resource.k8s.io", "deviceclasses", """{"metadata":{"name":"plain"},"spec":{}}""");
        // Pods that ask for devices as an extended resource are only in the way of those that are not about them.
        if (json.Contains("extended-resource-claim", StringComparison.Ordinal))
        {
            reader.With("", "pods", json.Contains("told", StringComparison.Ordinal)
                ? """{"metadata":{"name":"told","namespace":"n","uid":"u2"},"spec":{"containers":[{"name":"c","resources":{"requests":{"e.com/gpu":"2"}}}]},"status":{"extendedResourceClaimStatus":{"resourceClaimName":"its"}}}"""
                : """{"metadata":{"name":"user","namespace":"n","uid":"u1"},"spec":{"containers":[{"name":"c","resources":{"requests":{"e.com/gpu":"2"}}}]}}""");
        }

        var (group, plural) = (resource.Split('/')[0], resource.Split('/')[1]);
        var request = new AdmissionRequest
        {
            Operation = old is null ? AdmissionOperation.Create : AdmissionOperation.Update,
            Kind = new(group, "v1", "X"),
            Resource = new(group, plural),
            Subresource = resource.Split('/').ElementAtOrDefault(2) ?? "",
            Version = "v1",
            Namespace = "n",
            Name = "new",
            User = new UserInfo("u", []),
            Object = JsonNode.Parse(json)!.AsObject(),
            OldObject = old is null ? null : JsonNode.Parse(old)!.AsObject(),
            IsDryRun = true,
            Reader = reader,
        };
        var plugin = new ResourceQuotaAdmission(() => throw new InvalidOperationException("a dry run charges nothing"), TimeProvider.System, []);
        var told = "";
        try
        {
            if (plugin.Handles(request)) await plugin.ValidateAsync(request, default);
        }
        catch (StatusException e)
        {
            told = e.Message;
        }

        Assert.Equal(refusal, told);
    }
}
