using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.PersistentVolumes;

/// <summary>Claims that are not bound yet say why, again and again: an event lasts an hour only.</summary>
public sealed class WaitingClaimTests
{
    [Theory]
    [InlineData("\"\"", "FailedBinding: no persistent volumes available for this claim and no storage class is set")]
    [InlineData("\"none\"", "ProvisioningFailed: storageclass.storage.k8s.io \"none\" not found")]
    [InlineData("\"wait\"", "WaitForFirstConsumer: waiting for first consumer to be created before binding")]
    [InlineData("\"now\"", "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system administrator. "
        + "If volume creation is delayed, please verify that the provisioner is running and correctly registered.")]
    [InlineData("\"hand\"", "ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner")]
    public async Task Every_15_seconds(string storageClass, string told)
    {
        await using var scenario = await StartAsync();
        await scenario.CreateAsync(Resources.PersistentVolumeClaims, "{\"metadata\":{\"name\":\"c\",\"namespace\":\"d\"},\"spec\":{\"storageClassName\":" + storageClass + "}}");
        await EventuallyAsync(async () => (await scenario.EventsAsync("c")).SequenceEqual([told]));
        for (var i = 0; i < 3; i++)
        {
            var before = await Count(scenario);
            await scenario.Time.UntilAsync(5, async () => await Count(scenario) > before);
        }
    }

    [Fact]
    public async Task A_Pod_that_comes_later_is_named_and_a_volume_reserved_for_it_binds()
    {
        await using var scenario = await StartAsync();
        await scenario.CreateAsync(Resources.PersistentVolumeClaims, """{"metadata":{"name":"c","namespace":"d"},"spec":{"storageClassName":"wait","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}""");
        await EventuallyAsync(async () => (await scenario.EventsAsync("c")).Count == 1);
        await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[],"volumes":[{"name":"a","persistentVolumeClaim":{"claimName":"c"}}]}}""");
        await scenario.Time.UntilAsync(5, async () => (await scenario.EventsAsync("c")).Contains("WaitForPodScheduled: waiting for pod p to be scheduled"));
        await scenario.CreateAsync(Resources.PersistentVolumes, """
            {"metadata":{"name":"v"},"spec":{"storageClassName":"wait","accessModes":["ReadWriteOnce"],"capacity":{"storage":"1Gi"},"claimRef":{"namespace":"d","name":"c"}}}
            """);
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.PersistentVolumeClaims, "c", "d"))!["status"]?["phase"] == "Bound");
    }

    /// <summary>Nobody stands behind half a reference: with a uid the volume was somebody's, without it waits.</summary>
    [Theory]
    [InlineData("\"name\":\"c\",\"uid\":\"u\"", "Released")]
    [InlineData("\"namespace\":\"d\",\"uid\":\"u\"", "Released")]
    [InlineData("\"name\":\"c\"", "Available")]
    public async Task A_volume_that_half_names_its_claim_has_none(string claim, string phase)
    {
        await using var scenario = await StartAsync();
        await scenario.CreateAsync(Resources.PersistentVolumes, "{\"metadata\":{\"name\":\"v\"},\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\",\"claimRef\":{" + claim + "}}}");
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.PersistentVolumes, "v"))!["status"]?["phase"] == phase);
    }

    [Theory]
    [InlineData("at work", "\"phase\":\"Running\"", false, false)]
    [InlineData("finished", "\"phase\":\"Failed\"", false, true)]
    [InlineData("on its way out, never begun", "\"phase\":\"Pending\"", true, true)]
    [InlineData("on its way out, still at work", "\"containerStatuses\":[{\"state\":{\"terminated\":{}}},{\"state\":{\"running\":{}}}]", true, false)]
    [InlineData("on its way out, of nothing is known", "\"containerStatuses\":[{}]", true, false)]
    [InlineData("on its way out, all has ended", "\"containerStatuses\":[{\"state\":{\"terminated\":{}}},{\"state\":{\"waiting\":{}}}]", true, true)]
    public void A_Pod_needs_its_volumes(string because, string status, bool isBeingDeleted, bool isTerminated)
    {
        Assert.NotEmpty(because);
        var pod = Some.Model<V1Pod>("{\"metadata\":{\"name\":\"p\"" + (isBeingDeleted ? ",\"deletionTimestamp\":\"2024-01-01T12:00:00Z\"" : "") + "},\"spec\":{},\"status\":{" + status + "}}");
        Assert.Equal(isTerminated, pod.IsTerminated());
    }

    private static async Task<ControllerScenario> StartAsync()
    {
        var scenario = Start("persistent-volume-binder");
        foreach (var (name, provisioner, mode) in ((string, string, string)[])[("wait", "d", "WaitForFirstConsumer"), ("now", "kubernetes.io/aws-ebs", "Immediate"), ("hand", "kubernetes.io/no-provisioner", "Immediate")])
            await scenario.CreateAsync(Resources.StorageClasses, "{\"metadata\":{\"name\":\"" + name + "\"},\"provisioner\":\"" + provisioner + "\",\"volumeBindingMode\":\"" + mode + "\"}");
        return scenario;
    }

    private static async Task<int> Count(ControllerScenario scenario) => (await scenario.Api.ListModelsAsync(Resources.Events, new ListQuery(), default)).Single(e => e.InvolvedObject.Name == "c").Count ?? 0;
}
