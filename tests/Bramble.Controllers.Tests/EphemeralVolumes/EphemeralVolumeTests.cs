using Bramble.Api.Naming;
using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.EphemeralVolumes;

public sealed class EphemeralVolumeTests
{
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
