using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.PersistentVolumes;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.PersistentVolumes;

public sealed class RecyclerTests
{
    private const string Released = """{"phase":"Released","lastPhaseTransitionTime":"2026-01-01T00:00:10Z"}""", Failed = """{"phase":"Failed","lastPhaseTransitionTime":"2026-01-01T00:00:10Z"}""";
    private static readonly NamespacedName RecyclerPod = new("default", "recycler-for-v");

    public static TheoryData<string, string, string?, string?, object> Steps => new()
    {
        { "nobody empties it yet", Released, null, null, new RecyclerStep.Start() },
        { "one is at work", Released, Pod("Running"), "mine", new RecyclerStep.Wait(null) },
        { "one is not begun", Released, Pod(null), "mine", new RecyclerStep.Wait(null) },
        { "it is empty", Released, Pod("Succeeded"), "mine", new RecyclerStep.Done(null) },
        { "it could not be emptied", Released, Pod("Failed", ""","message":"deadline" """), "mine", new RecyclerStep.Done("deadline") },
        { "and nobody says why", Released, Pod("Failed"), "mine", new RecyclerStep.Done("pod failed, pod.Status.Message unknown") },
        { "somebody removed it", Released, null, "mine", new RecyclerStep.Done("recycler pod was deleted") },
        { "and made another", Released, Pod("Running"), "gone", new RecyclerStep.Done("recycler pod was deleted") },
        { "one that was not begun here", Released, Pod("Succeeded"), null, new RecyclerStep.RemoveOld() },
        { "soon after a failure", Failed, null, null, new RecyclerStep.Wait(TimeSpan.FromSeconds(5)) },
        { "soon after an old one was found", Failed, Pod("Running"), null, new RecyclerStep.Wait(TimeSpan.FromSeconds(5)) },
        { "later", Failed.Replace("10Z", "05Z"), null, null, new RecyclerStep.Start() },
        { "the next one after a failure", Failed, Pod("Succeeded"), "mine", new RecyclerStep.Done(null) },
    };

    [Theory]
    [MemberData(nameof(Steps))]
    public void Decide(string because, string status, string? pod, string? begun, object expected)
    {
        Assert.NotEmpty(because);
        var volume = Read<V1PersistentVolume>("{\"metadata\":{\"name\":\"v\"},\"spec\":{},\"status\":" + status + "}");
        Assert.Equal(expected, Recycler.Decide(volume, pod is null ? null : Read<V1Pod>(pod), begun, new DateTime(2026, 1, 1, 0, 0, 20, DateTimeKind.Utc)));
    }

    [Theory]
    [InlineData("""{"hostPath":{"path":"/a"}}""", "1Gi", 60, """{"hostPath":{"path":"/a"},"name":"vol"}""")]
    [InlineData("""{"hostPath":{"path":"/a"}}""", "5Gi", 150, """{"hostPath":{"path":"/a"},"name":"vol"}""")]
    [InlineData("""{"nfs":{"server":"s","path":"/e"}}""", "5Gi", 300, """{"nfs":{"server":"s","path":"/e"},"name":"vol"}""")]
    public void The_larger_the_volume_the_more_time(string source, string size, int seconds, string volume)
    {
        var spec = JsonNode.Parse(source)!.AsObject();
        spec["capacity"] = new JsonObject { ["storage"] = size };
        var pod = Recycler.Pod(Read<V1PersistentVolume>("{\"metadata\":{\"name\":\"v\"},\"spec\":" + spec.ToJsonString() + "}"));
        Assert.Equal(seconds, (long)pod["spec"]!["activeDeadlineSeconds"]!);
        Assert.Equal(volume, pod["spec"]!["volumes"]![0]!.ToJsonString());
    }

    [Fact]
    public async Task A_volume_is_free_again_when_its_Pod_has_emptied_it()
    {
        await using var scenario = await ReleasedVolume();
        await EventuallyAsync(async () => await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default) is not null);
        Assert.Equal("Released", await Phase(scenario));
        await scenario.Api.ChangeAsync(Resources.Pods, RecyclerPod, t => t["status"] = new JsonObject { ["phase"] = "Succeeded" });
        await EventuallyAsync(async () => await Phase(scenario) == "Available");
        Assert.Null(await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default));
        Assert.Null((await scenario.FindAsync(Resources.PersistentVolumes, "v"))!["spec"]!["claimRef"]);
        await EventuallyAsync(async () => (await scenario.EventsAsync("v")).Contains("VolumeRecycled: Volume recycled"));
    }

    [Fact]
    public async Task What_is_told_of_its_Pod_is_told_of_the_volume()
    {
        await using var scenario = await ReleasedVolume();
        await EventuallyAsync(async () => await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default) is not null);
        await scenario.CreateAsync(Resources.Events, PodEvent("a", "Pulling", "recycler-for-v"));
        await scenario.CreateAsync(Resources.Events, PodEvent("b", "of another", "recycler-for-w"));
        await EventuallyAsync(async () => (await scenario.EventsAsync("v")).Contains("RecyclerPod: Recycler pod: Pulling"));
        await scenario.Api.ChangeAsync(Resources.Pods, RecyclerPod, t => t["status"] = new JsonObject { ["phase"] = "Succeeded" });
        await EventuallyAsync(async () => await Phase(scenario) == "Available");
        await scenario.CreateAsync(Resources.Events, PodEvent("c", "too late", "recycler-for-v"));
        await scenario.CreateAsync(Resources.PersistentVolumes, """
            {"metadata":{"name":"w"},"spec":{"persistentVolumeReclaimPolicy":"Recycle","capacity":{"storage":"1Gi"},"hostPath":{"path":"/tmp/w"},"claimRef":{"namespace":"d","name":"c","uid":"gone"}}}
            """);
        await EventuallyAsync(async () => (await scenario.EventsAsync("w")).Contains("RecyclerPod: Recycler pod: of another"));
        Assert.Equal(["RecyclerPod: Recycler pod: Pulling", "VolumeRecycled: Volume recycled"], (await scenario.EventsAsync("v")).Order(StringComparer.Ordinal));
        var repeated = (await scenario.Api.ListModelsAsync(Resources.Events, new ListQuery(), default)).Single(e => e.InvolvedObject.Name == "w");
        Assert.Equal(("Warning", "PersistentVolume", "persistentvolume-controller"), (repeated.Type, repeated.InvolvedObject.Kind, repeated.Source.Component));

        static string PodEvent(string name, string message, string pod) =>
            "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"default\"},\"type\":\"Warning\",\"message\":\"" + message + "\",\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"default\",\"name\":\"" + pod + "\"}}";
    }

    [Fact]
    public async Task A_failure_is_told_and_tried_again()
    {
        await using var scenario = await ReleasedVolume();
        await EventuallyAsync(async () => await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default) is not null);
        await scenario.Api.ChangeAsync(Resources.Pods, RecyclerPod, t => t["status"] = new JsonObject { ["phase"] = "Failed", ["message"] = "no such image" });
        await EventuallyAsync(async () => (await scenario.EventsAsync("v")).Contains("VolumeFailedRecycle: Recycle failed: failed to recycle volume: no such image"));
        Assert.Equal("Failed", await Phase(scenario));
        Assert.Equal("Recycle failed: failed to recycle volume: no such image", (string?)(await scenario.FindAsync(Resources.PersistentVolumes, "v"))!["status"]!["message"]);
        await EventuallyAsync(async () => await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default) is null);
        scenario.Time.Advance(VolumeBinder.Resync);
        await EventuallyAsync(async () => await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default) is not null);
        await scenario.Api.ChangeAsync(Resources.Pods, RecyclerPod, t => t["status"] = new JsonObject { ["phase"] = "Succeeded" });
        await EventuallyAsync(async () => await Phase(scenario) == "Available");
    }

    [Fact]
    public async Task A_Pod_that_is_there_already_is_removed_and_another_begun()
    {
        await using var scenario = await ReleasedVolume("""{"metadata":{"name":"recycler-for-v","namespace":"default"},"spec":{"containers":[]},"status":{"phase":"Succeeded"}}""");
        await EventuallyAsync(async () => (await scenario.EventsAsync("v")).Contains("VolumeFailedRecycle: Recycle failed: old recycler pod found, will retry later"));
        Assert.Equal("Failed", await Phase(scenario));
        await EventuallyAsync(async () =>
        {
            scenario.Time.Advance(VolumeBinder.Resync);
            return await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default) is not null;
        });
        await scenario.Api.ChangeAsync(Resources.Pods, RecyclerPod, t => t["status"] = new JsonObject { ["phase"] = "Succeeded" });
        await EventuallyAsync(async () => await Phase(scenario) == "Available");
    }

    [Fact]
    public async Task Nothing_is_emptied_under_a_Pod_that_still_uses_it()
    {
        await using var scenario = await ReleasedVolume("""{"metadata":{"name":"user","namespace":"d"},"spec":{"containers":[],"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"c"}}]}}""");
        await EventuallyAsync(async () => (await scenario.EventsAsync("v")).Contains("VolumeFailedRecycle: Volume is used by pods: d/user"));
        Assert.Null(await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default));
        await scenario.Api.ChangeAsync(Resources.Pods, new NamespacedName("d", "user"), t => t["status"] = new JsonObject { ["phase"] = "Succeeded" });
        await EventuallyAsync(async () =>
        {
            scenario.Time.Advance(VolumeBinder.Resync);
            return await scenario.Api.FindAsync(Resources.Pods, RecyclerPod, default) is not null;
        });
    }

    private static async Task<ControllerScenario> ReleasedVolume(string? pod = null)
    {
        var scenario = Start("persistent-volume-binder");
        if (pod is not null) await scenario.CreateAsync(Resources.Pods, pod);
        await scenario.CreateAsync(Resources.PersistentVolumes, """
            {"metadata":{"name":"v","annotations":{"pv.kubernetes.io/bound-by-controller":"yes"}},"spec":{"persistentVolumeReclaimPolicy":"Recycle","capacity":{"storage":"1Gi"},"hostPath":{"path":"/tmp/v"},
             "claimRef":{"namespace":"d","name":"c","uid":"gone"}}}
            """);
        return scenario;
    }

    private static async Task<string?> Phase(ControllerScenario scenario) => (string?)(await scenario.FindAsync(Resources.PersistentVolumes, "v"))!["status"]?["phase"];

    private static string Pod(string? phase, string more = "") =>
        "{\"metadata\":{\"name\":\"recycler-for-v\",\"uid\":\"mine\"},\"status\":{" + (phase is null ? "" : "\"phase\":\"" + phase + "\"" + more) + "}}";

    private static T Read<T>(string json) where T : class => ModelJson.Read<T>(System.Text.Encoding.UTF8.GetBytes(json));
}
