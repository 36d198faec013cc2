using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.StatefulSets;

public sealed class StatefulSetScenarioTests : IAsyncLifetime
{
    private readonly ControllerScenario _scenario = Start("statefulset-controller");

    public ValueTask InitializeAsync()
    {
        _scenario.Api.Clock = _scenario.Time;
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _scenario.DisposeAsync();

    [Fact]
    public async Task Claims_go_with_the_set_or_with_the_Pod_that_is_scaled_away()
    {
        var set = await CreateAsync("\"whenDeleted\":\"Delete\",\"whenScaled\":\"Delete\"");
        await RunAsync(0);
        await RunAsync(1);
        await EventuallyAsync(async () => (await OwnersAsync("data-db-1")).SequenceEqual([set.Uid]));
        Assert.Equal("db", (string?)(await _scenario.FindAsync(Resources.PersistentVolumeClaims, "data-db-0", "d"))!["metadata"]!["labels"]!["app"]);
        var uid = (string)(await _scenario.FindAsync(Resources.Pods, "db-1", "d"))!["metadata"]!["uid"]!;
        await _scenario.Api.ChangeAsync(Resources.StatefulSets, new NamespacedName("d", "db"), t => t["spec"]!["replicas"] = 1);
        await EventuallyAsync(async () => (await OwnersAsync("data-db-1")).SequenceEqual([uid]) && await _scenario.FindAsync(Resources.Pods, "db-1", "d") is null);
        Assert.Equal([set.Uid], await OwnersAsync("data-db-0"));
        Assert.Contains("SuccessfulCreate: Create Claim data-db-0 Pod db-0 in StatefulSet db success", await _scenario.EventsAsync("db"));
        Assert.Contains("SuccessfulCreate: Create Pod db-0 in StatefulSet db successful", await _scenario.EventsAsync("db"));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Contains("SuccessfulDelete: Delete Pod db-1 in StatefulSet db successful"));
    }

    [Fact]
    public async Task A_successor_waits_until_its_predecessors_claim_is_gone()
    {
        await CreateAsync("\"whenDeleted\":\"Retain\",\"whenScaled\":\"Delete\"");
        await RunAsync(0);
        await RunAsync(1);
        await ScaleAsync(1);
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, "db-1", "d") is null && (await OwnersAsync("data-db-1")).Count == 1);
        await ScaleAsync(2);
        await EventuallyAsync(async () => (int?)(await StatusAsync())["observedGeneration"] == 3);
        Assert.Null(await _scenario.FindAsync(Resources.Pods, "db-1", "d"));
        // As the garbage collector does.
        await _scenario.Api.DeleteAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "data-db-1"), new DeleteQuery(), default);
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, "db-1", "d") is not null);

        Task ScaleAsync(int replicas) => _scenario.Api.ChangeAsync(Resources.StatefulSets, new NamespacedName("d", "db"), t => t["spec"]!["replicas"] = replicas).AsTask();
    }

    [Fact]
    public async Task In_parallel_only_the_successor_waits_for_the_claim_of_its_predecessor()
    {
        await _scenario.CreateAsync(Resources.PersistentVolumeClaims, """
            {"metadata":{"name":"data-db-0","namespace":"d","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"db-0","uid":"gone","controller":true}]},"spec":{} }
            """);
        await CreateAsync("\"whenDeleted\":\"Retain\",\"whenScaled\":\"Delete\"", management: "Parallel");
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, "db-1", "d") is not null);
        Assert.Null(await _scenario.FindAsync(Resources.Pods, "db-0", "d"));
        await _scenario.Api.DeleteAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "data-db-0"), new DeleteQuery(), default);
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, "db-0", "d") is not null);
    }

    [Fact]
    public async Task A_new_retention_policy_is_told_as_an_update_of_the_Pod()
    {
        var set = await CreateAsync("\"whenDeleted\":\"Retain\",\"whenScaled\":\"Retain\"");
        await RunAsync(0);
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, "db-1", "d") is not null);
        await _scenario.Api.ChangeAsync(Resources.StatefulSets, new NamespacedName("d", "db"), t => t["spec"]!["persistentVolumeClaimRetentionPolicy"]!["whenDeleted"] = "Delete");
        await EventuallyAsync(async () => (await OwnersAsync("data-db-0")).SequenceEqual([set.Uid]));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Contains("SuccessfulUpdate: Update Pod db-0 in StatefulSet db successful"));
    }

    [Fact]
    public async Task All_that_is_wrong_with_the_claims_is_one_message_of_the_Pod()
    {
        _scenario.Api.Refuses = (verb, resource, name) => verb == "CREATE" && resource.Kind == "PersistentVolumeClaim" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no") : null;
        await CreateAsync("", claims: ["data", "logs"]);
        const string why = "failed to create PVC {0}-db-0: persistentvolumeclaims \"{0}-db-0\" is forbidden: no";
        var expected = $"FailedCreate: Create Pod db-0 in StatefulSet db failed error: [{why.Replace("{0}", "data")}, {why.Replace("{0}", "logs")}]";
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Contains(expected));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Contains(
            "FailedCreate: Create Claim logs-db-0 for Pod db-0 in StatefulSet db failed error: persistentvolumeclaims \"logs-db-0\" is forbidden: no"));
    }

    [Fact]
    public async Task A_claim_that_somebody_else_just_made_is_told_of_the_Pod_alone()
    {
        _scenario.Api.Refuses = (verb, resource, name) => verb == "CREATE" && resource.Kind == "PersistentVolumeClaim" ? StatusErrors.AlreadyExists(resource.GroupResource, name.Name) : null;
        await CreateAsync("");
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Contains(
            "FailedCreate: Create Pod db-0 in StatefulSet db failed error: failed to create PVC data-db-0: persistentvolumeclaims \"data-db-0\" already exists"));
        Assert.DoesNotContain(await _scenario.EventsAsync("db"), e => e.Contains("Create Claim"));
    }

    [Fact]
    public async Task A_Pod_is_told_although_its_claim_was_written_meanwhile()
    {
        var conflicts = 0;
        _scenario.Api.Refuses = (verb, resource, name) =>
            verb == "UPDATE" && resource.Kind == "PersistentVolumeClaim" && Interlocked.Increment(ref conflicts) == 1 ? StatusErrors.Conflict(resource.GroupResource, name.Name, "changed") : null;
        var set = await CreateAsync("\"whenDeleted\":\"Delete\",\"whenScaled\":\"Retain\"");
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Contains("SuccessfulCreate: Create Pod db-0 in StatefulSet db successful"));
        await RunAsync(0);
        await EventuallyAsync(async () => (await OwnersAsync("data-db-0")).SequenceEqual([set.Uid]));
    }

    [Fact]
    public async Task Without_a_Service_its_Pods_have_no_subdomain()
    {
        await _scenario.CreateAsync(Resources.StatefulSets, """
            {"metadata":{"name":"db","namespace":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"db"} },
             "template":{"metadata":{"labels":{"app":"db"} },"spec":{"hostname":"h","subdomain":"s","containers":[{"name":"c","image":"v1"}]} } } }
            """);
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, "db-0", "d") is not null);
        var spec = (await _scenario.FindAsync(Resources.Pods, "db-0", "d"))!["spec"]!;
        Assert.Equal(("db-0", null), ((string?)spec["hostname"], (string?)spec["subdomain"]));
    }

    [Fact]
    public async Task The_history_is_kept_short_while_the_status_cannot_be_written()
    {
        _scenario.Api.Refuses = (verb, resource, name) => verb == "UPDATE status" && resource.Kind == "StatefulSet" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no") : null;
        await CreateAsync("", history: 0);
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, "db-0", "d") is not null);
        foreach (var image in (string[])["v2", "v3"])
        {
            await _scenario.Api.ChangeAsync(Resources.StatefulSets, new NamespacedName("d", "db"), t => t["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = image);
            await EventuallyAsync(async () => (await ImagesAsync()).Contains(image));
        }
        // Of the Pod, and of the template.
        await EventuallyAsync(async () => (await ImagesAsync()).Order().SequenceEqual(["v1", "v3"]));

        async Task<List<string?>> ImagesAsync() =>
            [.. (await _scenario.Api.ListAsync(Resources.ControllerRevisions, new ListQuery("d"), default)).Items.Select(r => (string?)r.ToTree()["data"]!["spec"]!["template"]!["spec"]!["containers"]![0]!["image"])];
    }

    [Fact]
    public async Task Claims_of_a_Pod_that_is_refused_go_with_the_set_too()
    {
        _scenario.Api.Refuses = (verb, resource, name) => verb == "CREATE" && resource.Kind == "Pod" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no") : null;
        var set = await CreateAsync("\"whenDeleted\":\"Delete\",\"whenScaled\":\"Retain\"");
        await EventuallyAsync(async () => (await OwnersAsync("data-db-0")).SequenceEqual([set.Uid]));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Contains("FailedCreate: Create Pod db-0 in StatefulSet db failed error: pods \"db-0\" is forbidden: no"));
    }

    [Fact]
    public async Task In_parallel_a_failure_stops_what_comes_after_its_batch()
    {
        _scenario.Api.Refuses = (verb, resource, name) => verb == "CREATE" && resource.Kind == "Pod" && name.Name == "db-1" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no") : null;
        await CreateAsync("", management: "Parallel", replicas: 4);
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, "db-2", "d") is not null);
        await EventuallyAsync(async () => (int?)(await StatusAsync())["observedGeneration"] == 1);
        Assert.NotNull(await _scenario.FindAsync(Resources.Pods, "db-0", "d"));
        Assert.Null(await _scenario.FindAsync(Resources.Pods, "db-3", "d"));
    }

    [Fact]
    public async Task Another_controller_of_a_claim_is_told_when_the_Pod_is_made_and_not_at_each_look()
    {
        await _scenario.CreateAsync(Resources.PersistentVolumeClaims, """
            {"metadata":{"name":"data-db-0","namespace":"d","ownerReferences":[{"apiVersion":"v1","kind":"Other","name":"o","uid":"o","controller":true}]},"spec":{} }
            """);
        await CreateAsync("\"whenDeleted\":\"Delete\",\"whenScaled\":\"Retain\"");
        await RunAsync(0);
        await RunAsync(1);
        await EventuallyAsync(async () => (int?)(await StatusAsync())["readyReplicas"] == 2);
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Any(e => e.StartsWith("ConflictingController", StringComparison.Ordinal)));
        var told = Assert.Single(await _scenario.Api.ListModelsAsync(Resources.Events, new ListQuery(), default), e => e.Reason == "ConflictingController");
        Assert.True(told.Count is null or 1);
        Assert.Equal(["o"], await OwnersAsync("data-db-0"));
    }

    [Fact]
    public async Task A_Pod_whose_name_is_none_of_the_sets_is_released()
    {
        var set = await CreateAsync("");
        await _scenario.CreateAsync(Resources.Pods, $$$"""
            {"metadata":{"name":"other-0","namespace":"d","labels":{"app":"db"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","uid":"{{{set.Uid}}}","controller":true}]},"spec":{} }
            """);
        await EventuallyAsync(async () => (await _scenario.FindAsync(Resources.Pods, "other-0", "d"))!["metadata"]!["ownerReferences"] is not JsonArray { Count: > 0 });
    }

    [Fact]
    public async Task An_adopted_Pod_that_mounts_its_claims_gets_its_name_and_nothing_else()
    {
        await _scenario.CreateAsync(Resources.Pods, """
            {"metadata":{"name":"db-0","namespace":"d","labels":{"app":"db"} },"spec":{"containers":[{"name":"c","image":"v1"}],
             "volumes":[{"name":"logs","persistentVolumeClaim":{"claimName":"logs-db-0"} },{"name":"own","emptyDir":{} },{"name":"data","persistentVolumeClaim":{"claimName":"data-db-0"} }]} }
            """);
        await RunAsync(0);
        var before = (await _scenario.FindAsync(Resources.Pods, "db-0", "d"))!["spec"]!.ToJsonString();
        await CreateAsync("", claims: ["data", "logs"]);
        await EventuallyAsync(async () => (await _scenario.EventsAsync("db")).Contains("SuccessfulUpdate: Update Pod db-0 in StatefulSet db successful"));
        var pod = (await _scenario.FindAsync(Resources.Pods, "db-0", "d"))!;
        Assert.Equal(("db-0", "0"), ((string?)pod["metadata"]!["labels"]!["statefulset.kubernetes.io/pod-name"], (string?)pod["metadata"]!["labels"]!["apps.kubernetes.io/pod-index"]));
        Assert.Equal(before, pod["spec"]!.ToJsonString());
        Assert.Null(await _scenario.FindAsync(Resources.PersistentVolumeClaims, "data-db-0", "d"));
    }

    [Fact]
    public async Task The_next_Pod_waits_for_minReadySeconds_of_the_one_before()
    {
        await CreateAsync("", minReadySeconds: 30);
        await RunAsync(0);
        var waited = await _scenario.Time.UntilAsync(2, async () => await _scenario.FindAsync(Resources.Pods, "db-1", "d") is not null);
        Assert.InRange(waited, TimeSpan.FromSeconds(28), TimeSpan.FromSeconds(120));
        await EventuallyAsync(async () => await StatusAsync() is var s && (int?)s["availableReplicas"] == 1 && (int?)s["readyReplicas"] == 1);
    }

    [Fact]
    public async Task Its_revisions_have_the_hash_and_its_Pods_the_revisions_name()
    {
        await CreateAsync("");
        await RunAsync(0);
        var revision = Assert.Single((await _scenario.Api.ListAsync(Resources.ControllerRevisions, new ListQuery("d"), default)).Items).ToTree();
        var hash = (string)revision["metadata"]!["labels"]!["controller.kubernetes.io/hash"]!;
        Assert.Equal($"db-{hash}", (string?)revision["metadata"]!["name"]);
        var labels = (await _scenario.FindAsync(Resources.Pods, "db-0", "d"))!["metadata"]!["labels"]!;
        Assert.Equal(($"db-{hash}", "db-0", "0"), ((string?)labels["controller-revision-hash"], (string?)labels["statefulset.kubernetes.io/pod-name"], (string?)labels["apps.kubernetes.io/pod-index"]));
        Assert.Equal("db-", (string?)(await _scenario.FindAsync(Resources.Pods, "db-0", "d"))!["metadata"]!["generateName"]);
        await EventuallyAsync(async () => (string?)(await StatusAsync())["currentRevision"] == $"db-{hash}");
        // As another distribution wrote it, and a backup brought it here.
        await _scenario.Api.ChangeAsync(Resources.ControllerRevisions, new NamespacedName("d", $"db-{hash}"), t => t["data"]!["spec"]!["template"]!["metadata"]!["creationTimestamp"] = null);
        await _scenario.Api.ChangeAsync(Resources.StatefulSets, new NamespacedName("d", "db"), t => t["spec"]!["replicas"] = 3);
        await EventuallyAsync(async () => (int?)(await StatusAsync())["observedGeneration"] == 2);
        Assert.Single((await _scenario.Api.ListAsync(Resources.ControllerRevisions, new ListQuery("d"), default)).Items);
    }

    private async Task<KubeObject> CreateAsync(string retention, int minReadySeconds = 0, string management = "OrderedReady", int replicas = 2, int history = 10, params string[] claims) => await _scenario.CreateAsync(Resources.StatefulSets, $$$"""
        {"metadata":{"name":"db","namespace":"d"},"spec":{"replicas":{{{replicas}}},"revisionHistoryLimit":{{{history}}},"serviceName":"db","podManagementPolicy":"{{{management}}}","minReadySeconds":{{{minReadySeconds}}},"selector":{"matchLabels":{"app":"db"} },"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":0} },
         "persistentVolumeClaimRetentionPolicy":{ {{{retention}}} },"volumeClaimTemplates":[{{{string.Join(',', (claims.Length > 0 ? claims : ["data"]).Select(c => $$$$"""{"metadata":{"name":"{{{{c}}}}"},"spec":{"accessModes":["ReadWriteOnce"]}}"""))}}}],
         "template":{"metadata":{"labels":{"app":"db"} },"spec":{"containers":[{"name":"c","image":"v1"}]} } } }
        """);

    /// <summary>As the kubelet.</summary>
    private async Task RunAsync(int ordinal)
    {
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.Pods, $"db-{ordinal}", "d") is not null);
        await _scenario.Api.ChangeAsync(Resources.Pods, new NamespacedName("d", $"db-{ordinal}"), t => t["status"] = new JsonObject
        {
            ["phase"] = "Running",
            ["conditions"] = new JsonArray((JsonNode)new JsonObject { ["type"] = "Ready", ["status"] = "True", ["lastTransitionTime"] = KubeTime.Seconds(_scenario.Time.GetUtcNow()) }),
        });
    }

    private async Task<JsonObject> StatusAsync() => (await _scenario.FindAsync(Resources.StatefulSets, "db", "d"))!["status"] as JsonObject ?? [];

    private async Task<List<string?>> OwnersAsync(string claim) =>
        [.. ((await _scenario.FindAsync(Resources.PersistentVolumeClaims, claim, "d"))?["metadata"]!["ownerReferences"] as JsonArray ?? []).Select(o => (string?)o!["uid"])];
}
