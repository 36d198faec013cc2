using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Tests.Pods;

public sealed class PodClaimsTests
{
    private const string Reserved = """{"reservedFor":[{"resource":"pods","name":"p","uid":"u1"}],"allocation":{}}""";
    private const string WithDevice =
        """{"reservedFor":[{"resource":"pods","name":"p","uid":"u1"}],"allocation":{"devices":{"results":[{"request":"gpu","driver":"gpu.example.com","pool":"n","device":"d0"}]}}}""";

    [Theory]
    [InlineData(Reserved, null)]                                           // nothing of this node is in it
    [InlineData(WithDevice, "DRA driver gpu.example.com is not registered")]
    [InlineData("{}", "pod p (u1) is not allowed to use ResourceClaim mine (c1)")]
    [InlineData("""{"reservedFor":[{"resource":"pods","name":"p","uid":"u1"}]}""", "ResourceClaim mine: not allocated")]
    [InlineData(null, "fetch ResourceClaim mine: resourceclaims.resource.k8s.io \"mine\" not found")]
    public async Task A_pod_waits_for_a_claim_that_is_not_ready(string? status, string? expected)
    {
        var pod = Make.Pod();
        pod.Spec.ResourceClaims = [new() { Name = "devices", ResourceClaimName = "mine" }];
        Assert.Equal(expected, await ProblemAsync(pod, status, owner: null));
    }

    [Theory]
    [InlineData(null, null, "pod \"ns/p\": ResourceClaim not created yet")]
    [InlineData("mine", "other", "ResourceClaim ns/mine was not created for pod ns/p (pod is not owner)")]
    [InlineData("mine", "u1", null)]
    [InlineData("", null, null)]                                           // its controller says that none is needed
    public async Task A_claim_of_a_template_is_the_pods_own(string? made, string? owner, string? expected)
    {
        var pod = Make.Pod();
        pod.Spec.ResourceClaims = [new() { Name = "devices", ResourceClaimTemplateName = "template" }];
        if (made is not null) pod.Status = new() { ResourceClaimStatuses = [new() { Name = "devices", ResourceClaimName = made.Length == 0 ? null : made }] };
        Assert.Equal(expected, await ProblemAsync(pod, Reserved, owner));
    }

    private static async Task<string?> ProblemAsync(V1Pod pod, string? status, string? owner)
    {
        var api = new InMemoryApi();
        var metadata = new JsonObject { ["name"] = "mine", ["namespace"] = "ns", ["uid"] = "c1" };
        if (owner is not null) metadata["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = "p", ["uid"] = owner, ["controller"] = true });
        if (status is not null)
        {
            await api.CreateAsync(Resources.ResourceClaims, new NamespacedName("ns", "mine"),
                new JsonObject { ["apiVersion"] = "resource.k8s.io/v1", ["kind"] = "ResourceClaim", ["metadata"] = metadata, ["spec"] = new JsonObject(), ["status"] = JsonNode.Parse(status) },
                null, TestContext.Current.CancellationToken);
        }
        try
        {
            await PodClaims.CheckAsync(pod, api, TestContext.Current.CancellationToken);
            return null;
        }
        catch (ClaimsNotReadyException waits)
        {
            return waits.Message;
        }
    }
}
