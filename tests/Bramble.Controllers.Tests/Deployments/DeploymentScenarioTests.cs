using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Deployments;

/// <summary>The Deployment controller alone; the test plays the ReplicaSets' controller.</summary>
public sealed class DeploymentScenarioTests : IAsyncLifetime
{
    private static readonly NamespacedName Web = new("d", "web");
    private readonly ControllerScenario _scenario = Start("deployment-controller");

    public ValueTask InitializeAsync()
    {
        _scenario.Api.Clock = _scenario.Time;
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _scenario.DisposeAsync();

    [Fact]
    public async Task Without_progress_the_deadline_is_exceeded_after_its_seconds_and_a_Pod_that_comes_up_late_still_counts()
    {
        await CreateAsync("v1");
        await EventuallyAsync(async () => (await SetsAsync()).Count == 1);
        var waited = await _scenario.Time.UntilAsync(5, async () => await ConditionAsync("Progressing") is "False ProgressDeadlineExceeded");
        Assert.InRange(waited, TimeSpan.FromSeconds(600), TimeSpan.FromSeconds(900));
        var set = (await SetsAsync())[0];
        await StatusAsync(set, 2);
        await EventuallyAsync(async () => await ConditionAsync("Progressing") is "True NewReplicaSetAvailable" && await ConditionAsync("Available") is "True MinimumReplicasAvailable");
    }

    [Fact]
    public async Task While_it_is_paused_nothing_is_rolled_out_and_no_deadline_runs()
    {
        await CreateAsync("v1");
        await ReadyAsync();
        await _scenario.Api.ChangeAsync(Resources.Deployments, Web, t => t["spec"]!["paused"] = true);
        await EventuallyAsync(async () => await ConditionAsync("Progressing") is "Unknown DeploymentPaused");
        var since = (string?)(await DeploymentAsync())["status"]!.AsObject().Condition("Progressing")!["lastTransitionTime"];
        await ImageAsync("v2");
        for (var i = 0; i < 10; i++)
        {
            _scenario.Time.Advance(TimeSpan.FromMinutes(2));
            await Task.Delay(5);
        }
        Assert.Single(await SetsAsync());
        await _scenario.Api.ChangeAsync(Resources.Deployments, Web, t => t["spec"]!["paused"] = false);
        await EventuallyAsync(async () => (await SetsAsync()).Count == 2);
        Assert.NotNull(since);
    }

    [Fact]
    public async Task The_old_annotation_rolls_back_and_brings_the_cause_back()
    {
        await CreateAsync("v1", """{"kubernetes.io/change-cause":"first"}""");
        await ReadyAsync();
        await ImageAsync("v2", "second");
        await EventuallyAsync(async () => (await SetsAsync()).Count == 2);
        await _scenario.Api.ChangeAsync(Resources.Deployments, Web, t => t["metadata"]!["annotations"]!["deprecated.deployment.rollback.to"] = "0");
        await EventuallyAsync(async () => (string?)(await DeploymentAsync())["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] == "v1");
        var annotations = (await DeploymentAsync())["metadata"]!["annotations"]!;
        Assert.Equal("first", (string?)annotations["kubernetes.io/change-cause"]);
        Assert.Null(annotations["deprecated.deployment.rollback.to"]);
        await EventuallyAsync(async () => (string?)(await DeploymentAsync())["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"] == "3");
        await EventuallyAsync(async () => (await SetsAsync()).Exists(s => (string?)s["metadata"]!["annotations"]!["deployment.kubernetes.io/revision-history"] == "1"));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("web")).Contains("DeploymentRollback: Rolled back deployment \"web\" to revision 1"));
    }

    [Fact]
    public async Task The_new_set_takes_the_room_that_an_old_one_was_told_to_give()
    {
        await CreateAsync("v1");
        await ReadyAsync();
        await ImageAsync("v2");
        await EventuallyAsync(async () => (await SetsAsync()).Exists(s => Image(s) == "v2"));
        await StatusAsync((await SetsAsync()).Find(s => Image(s) == "v2")!, 1);
        // Nobody takes the old set's Pods away here: its status stays at two.
        await EventuallyAsync(async () => (await SetsAsync()).Find(s => Image(s) == "v2") is { } set && (int?)set["spec"]!["replicas"] == 2);
        Assert.Equal((1, 2), (await SetsAsync()).Find(s => Image(s) == "v1") is { } old ? ((int?)old["spec"]!["replicas"], (int?)old["status"]!["replicas"]) : default);
        await EventuallyAsync(async () => (await _scenario.EventsAsync("web")).Count(e => e.StartsWith("ScalingReplicaSet", StringComparison.Ordinal)) == 4);
    }

    [Fact]
    public async Task A_revision_that_is_no_number_stays_and_is_the_Deployments_too()
    {
        await CreateAsync("v1");
        await ReadyAsync();
        await _scenario.Api.ChangeAsync(Resources.ReplicaSets, NameOf((await SetsAsync())[0]), t => t["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"] = "mine");
        await EventuallyAsync(async () => (string?)(await DeploymentAsync())["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"] == "mine");
        await ImageAsync("v2");
        await EventuallyAsync(async () => (string?)(await DeploymentAsync())["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"] == "1");
        Assert.Equal("mine", (string?)(await SetsAsync()).Find(s => Image(s) == "v1")!["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"]);
    }

    /// <param name="sets">name:revision, and why it cannot go.</param>
    [Theory]
    [InlineData("the oldest revision goes, not the oldest set", 1, "a:2 b:1", "a")]
    [InlineData("one without a revision is older than all", 1, "a:1 b:", "a")]
    [InlineData("of four the newest two revisions stay", 2, "a:3 b:1 c:4 d:2", "a c")]
    [InlineData("one that still has Pods counts and stays", 1, "a:1:pods b:2 c:3", "a c")]
    [InlineData("one that has not seen its last order stays", 0, "a:1:unseen b:2", "a")]
    [InlineData("one that is going already does not count", 1, "a:1:going b:2", "a b")]
    [InlineData("all of them stay", int.MaxValue, "a:1 b:2", "a b")]
    [InlineData("none is taken from a rollback that waits for the end of the pause", 0, "a:1 b:2", "a b", """{"deprecated.deployment.rollback.to":"1"}""")]
    public async Task Old_sets_beyond_the_limit_go(string because, int limit, string sets, string expected, string annotations = "{}")
    {
        Assert.NotEmpty(because);
        var api = new TestCluster();
        var uid = (await api.CreateAsync(Resources.Deployments, Web, Some.Tree($$$"""
            {"metadata":{"name":"web","namespace":"d","annotations":{{{annotations}}} },"spec":{"replicas":0,"paused":true,"revisionHistoryLimit":{{{limit}}},"selector":{"matchLabels":{"app":"web"} },
             "strategy":{"type":"RollingUpdate"},"template":{"metadata":{"labels":{"app":"web"} },"spec":{"containers":[{"name":"c","image":"new"}]} } } }
            """), null, default)).Uid;
        foreach (var set in sets.Split(' ').Select(s => s.Split(':')))
        {
            var name = new NamespacedName("d", set[0]);
            await api.CreateAsync(Resources.ReplicaSets, name, Some.Tree($$$"""
                {"metadata":{"name":"{{{set[0]}}}","namespace":"d","labels":{"app":"web"},"annotations":{{{(set[1].Length > 0 ? $$"""{"deployment.kubernetes.io/revision":"{{set[1]}}"}""" : "{}")}}},
                  "finalizers":{{{(set.Contains("going") ? """["example.com/wait"]""" : "[]")}}},
                  "ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"{{{uid}}}","controller":true}]},
                 "spec":{"replicas":0,"template":{"metadata":{"labels":{"app":"web"} },"spec":{"containers":[{"name":"c","image":"{{{set[0]}}}"}]} } },
                 "status":{"replicas":{{{(set.Contains("pods") ? 1 : 0)}}},"observedGeneration":{{{(set.Contains("unseen") ? 0 : 1)}}} } }
                """), null, default);
            if (set.Contains("going")) await api.DeleteAsync(Resources.ReplicaSets, name, new DeleteQuery(), default);
        }
        await using var scenario = Start("deployment-controller", api);
        await EventuallyAsync(async () => (int?)(await scenario.FindAsync(Resources.Deployments, "web", "d"))!["status"]?["observedGeneration"] == 1);
        Assert.Equal(expected, string.Join(' ', (await api.ListAsync(Resources.ReplicaSets, new ListQuery("d"), default)).Items.Select(s => s.Name.Name).Order()));
    }

    [Fact]
    public async Task A_set_that_is_refused_is_told_but_not_while_the_namespace_goes()
    {
        var going = new StatusException(new Status(403, "Forbidden", "going", new StatusDetails(Causes: [new StatusCause("NamespaceTerminating", "going", "metadata.namespace")])));
        _scenario.Api.Refuses = (verb, resource, name) => verb == "CREATE" && resource.Kind == "ReplicaSet" ? going : null;
        await CreateAsync("v1");
        await _scenario.Api.ChangeAsync(Resources.Deployments, Web, t => t["metadata"]!["annotations"]!["a"] = "b");
        _scenario.Api.Refuses = (verb, resource, name) => verb == "CREATE" && resource.Kind == "ReplicaSet" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no") : null;
        await _scenario.Api.ChangeAsync(Resources.Deployments, Web, t => t["metadata"]!["annotations"]!["a"] = "c");
        await EventuallyAsync(async () => await ConditionAsync("Progressing") is "False ReplicaSetCreateError");
        await EventuallyAsync(async () => (await _scenario.EventsAsync("web")).Count > 0);
        var message = (string?)(await DeploymentAsync())["status"]!.AsObject().Condition("Progressing")!["message"];
        Assert.Matches("^Failed to create new replica set \"web-[a-z0-9]+\": replicasets.apps \"web-[a-z0-9]+\" is forbidden: no$", message);
        Assert.All(await _scenario.EventsAsync("web"), e => Assert.Equal($"ReplicaSetCreateError: {message}", e));
    }

    [Fact]
    public async Task While_an_old_set_may_not_shrink_the_status_goes_on_and_so_does_its_time()
    {
        await CreateAsync("v1");
        await ReadyAsync();
        var old = NameOf((await SetsAsync())[0]).Name;
        _scenario.Api.Refuses = (verb, resource, name) => verb == "UPDATE" && name.Name == old ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no") : null;
        await ImageAsync("v2");
        await EventuallyAsync(async () => (await SetsAsync()).Exists(s => Image(s) == "v2"));
        await StatusAsync((await SetsAsync()).Find(s => Image(s) == "v2")!, 1);
        await EventuallyAsync(async () => (int?)(await DeploymentAsync())["status"]!["updatedReplicas"] == 1);
        await _scenario.Time.UntilAsync(60, async () => await ConditionAsync("Progressing") is "False ProgressDeadlineExceeded");
        _scenario.Api.Refuses = null;
        await _scenario.Time.UntilAsync(30, async () => (await SetsAsync()).Find(s => Image(s) == "v2") is { } set && (int?)set["spec"]!["replicas"] == 2);
    }

    [Fact]
    public async Task A_name_that_another_set_has_counts_as_a_collision_and_the_next_one_is_taken()
    {
        await CreateAsync("v1");
        await EventuallyAsync(async () => (await SetsAsync()).Count == 1);
        var name = (string)(await SetsAsync())[0]["metadata"]!["name"]!;
        await _scenario.Api.DeleteAsync(Resources.Deployments, Web, new DeleteQuery(), default);
        await _scenario.Api.ChangeAsync(Resources.ReplicaSets, new NamespacedName("d", name), t =>
        {
            t["metadata"]!.AsObject().Remove("ownerReferences");
            t["metadata"]!["labels"] = new JsonObject { ["app"] = "other" };
        });
        await CreateAsync("v1");
        await EventuallyAsync(async () => (await SetsAsync()).Count == 2);
        Assert.Equal(1, (int?)(await DeploymentAsync())["status"]!["collisionCount"]);
    }

    private async Task CreateAsync(string image, string annotations = "{}") => await _scenario.CreateAsync(Resources.Deployments, $$$"""
        {"metadata":{"name":"web","namespace":"d","annotations":{{{annotations}}} },"spec":{"replicas":2,"progressDeadlineSeconds":600,"revisionHistoryLimit":10,"selector":{"matchLabels":{"app":"web"} },
         "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1,"maxUnavailable":0} },"template":{"metadata":{"labels":{"app":"web"} },"spec":{"containers":[{"name":"c","image":"{{{image}}}"}]} } } }
        """);

    private async Task ImageAsync(string image, string? cause = null) => await _scenario.Api.ChangeAsync(Resources.Deployments, Web, t =>
    {
        t["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = image;
        if (cause is not null) t["metadata"]!["annotations"]!["kubernetes.io/change-cause"] = cause;
    });

    private async Task ReadyAsync()
    {
        await EventuallyAsync(async () => (await SetsAsync()).Count == 1);
        await StatusAsync((await SetsAsync())[0], 2);
        await EventuallyAsync(async () => await ConditionAsync("Progressing") is "True NewReplicaSetAvailable");
    }

    private async Task StatusAsync(JsonObject set, int replicas) => await _scenario.Api.ChangeAsync(Resources.ReplicaSets, NameOf(set), t =>
        t["status"] = new JsonObject { ["replicas"] = replicas, ["readyReplicas"] = replicas, ["availableReplicas"] = replicas, ["observedGeneration"] = 1, ["terminatingReplicas"] = 0 });

    private static NamespacedName NameOf(JsonObject set) => new("d", (string)set["metadata"]!["name"]!);

    private static string? Image(JsonObject set) => (string?)set["spec"]!["template"]!["spec"]!["containers"]![0]!["image"];

    private async Task<JsonObject> DeploymentAsync() => (await _scenario.FindAsync(Resources.Deployments, "web", "d"))!.AsObject();

    private async Task<List<JsonObject>> SetsAsync() => [.. (await _scenario.Api.ListAsync(Resources.ReplicaSets, new ListQuery("d"), default)).Items.Select(i => i.ToTree())];

    private async Task<string?> ConditionAsync(string type) =>
        (await DeploymentAsync())["status"] is JsonObject status && status.Condition(type) is { } condition ? $"{condition["status"]} {condition["reason"]}" : null;
}
