using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.EphemeralVolumes;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.EphemeralVolumes;

public sealed class EphemeralVolumeTests
{
    private const string Made = "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"p-v\",\"namespace\":\"d\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u\",\"controller\":true,\"blockOwnerDeletion\":true}]";

    [Theory]
    [InlineData("""{"spec":{"accessModes":["ReadWriteOnce"]}}""", null, Made + """},"spec":{"accessModes":["ReadWriteOnce"]}}""")]
    [InlineData("""{"metadata":{"name":"no","labels":{"a":"b"},"annotations":{"c":"d"},"finalizers":["f"]},"spec":{}}""", null,
        Made + ""","labels":{"a":"b"},"annotations":{"c":"d"}},"spec":{}}""")]
    [InlineData("""{"spec":{}}""", "u", null)]
    [InlineData("""{"spec":{}}""", "other", "PVC d/p-v was not created for pod d/p (pod is not owner)")]
    [InlineData("""{"spec":{}}""", "", "PVC d/p-v was not created for pod d/p (pod is not owner)")]
    public void What_is_made(string template, string? owner, string? expected)
    {
        var pod = KubeObject.Parse("""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"d","uid":"u"}}"""u8.ToArray());
        var known = owner is null ? null : new V1PersistentVolumeClaim
        {
            Metadata = new V1ObjectMeta { OwnerReferences = owner.Length == 0 ? [] : [new V1OwnerReference { ApiVersion = "v1", Kind = "Pod", Name = "p", Uid = owner, Controller = true }] },
        };
        string? decided;
        try
        {
            decided = EphemeralClaim.Decide(pod, "v", JsonNode.Parse(template)!.AsObject(), known)?.ToJsonString();
        }
        catch (InvalidDataException e)
        {
            decided = e.Message;
        }
        Assert.Equal(expected, decided);
    }

    [Fact]
    public async Task A_claim_of_somebody_else_is_in_the_way_until_it_is_gone_and_one_of_its_own_comes_back()
    {
        await using var scenario = Start("ephemeral-volume-controller");
        await scenario.CreateAsync(Resources.PersistentVolumeClaims, """{"metadata":{"name":"p-scratch","namespace":"d"},"spec":{}}""");
        var pod = await scenario.CreateAsync(Resources.Pods, """
            {"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[],"volumes":[{"name":"scratch","ephemeral":{"volumeClaimTemplate":{"metadata":{"labels":{"l":"1"}},"spec":{"accessModes":["ReadWriteOnce"]}}}}]}}
            """);
        await EventuallyAsync(async () => (await scenario.EventsAsync("p")).Contains("FailedBinding: ephemeral volume scratch: PVC d/p-scratch was not created for pod d/p (pod is not owner)"));
        await scenario.Api.DeleteAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "p-scratch"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.PersistentVolumeClaims, "p-scratch", "d"))?["metadata"]!["ownerReferences"]?[0]!["uid"] == pod.Uid);
        await scenario.Api.DeleteAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "p-scratch"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.PersistentVolumeClaims, "p-scratch", "d"))?["metadata"]!["labels"]!["l"] == "1");
    }
}
