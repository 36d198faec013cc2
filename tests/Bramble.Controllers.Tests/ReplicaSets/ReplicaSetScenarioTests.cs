using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.ReplicaSets;

public sealed class ReplicaSetScenarioTests
{
    [Fact]
    public async Task A_Pod_that_may_not_go_keeps_no_other()
    {
        await using var scenario = Start("replicaset-controller");
        await scenario.CreateAsync(Resources.ReplicaSets, """
            {"metadata":{"name":"web","namespace":"d"},"spec":{"replicas":4,"selector":{"matchLabels":{"app":"web"} },"template":{"metadata":{"labels":{"app":"web"} },"spec":{"containers":[{"name":"c","image":"i"}]} } } }
            """);
        await EventuallyAsync(async () => await CountAsync() == 4);
        string? stays = null;
        scenario.Api.Refuses = (verb, resource, name) => verb == "DELETE" && (stays ??= name.Name) == name.Name ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no") : null;
        await scenario.Api.ChangeAsync(Resources.ReplicaSets, new NamespacedName("d", "web"), t => t["spec"]!["replicas"] = 0);
        await EventuallyAsync(async () => await CountAsync() == 1);
        Assert.Equal(stays, (await scenario.Api.ListAsync(Resources.Pods, new ListQuery("d"), default)).Items[0].Name.Name);

        async Task<int> CountAsync() => (await scenario.Api.ListAsync(Resources.Pods, new ListQuery("d"), default)).Items.Count;
    }

    [Fact]
    public async Task A_Pod_of_another_namespace_that_names_the_set_is_no_replica()
    {
        var api = new TestCluster();
        var uid = (await api.CreateAsync(Resources.ReplicaSets, new NamespacedName("d", "web"), Some.Tree("""
            {"metadata":{"name":"web","namespace":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"} },"template":{"metadata":{"labels":{"app":"web"} },"spec":{"containers":[{"name":"c","image":"i"}]} } } }
            """), null, default)).Uid;
        await api.CreateAsync(Resources.Pods, new NamespacedName("e", "foreign"), Some.Tree($$$"""
            {"metadata":{"name":"foreign","namespace":"e","labels":{"app":"web"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web","uid":"{{{uid}}}","controller":true}]},"spec":{"containers":[{"name":"c","image":"i"}]} }
            """), null, default);
        await using var scenario = Start("replicaset-controller", api);
        await EventuallyAsync(async () => (int?)(await scenario.FindAsync(Resources.ReplicaSets, "web", "d"))!["status"]?["replicas"] == 1);
        Assert.Single((await api.ListAsync(Resources.Pods, new ListQuery("d"), default)).Items);
    }

    [Theory]
    [InlineData("CREATE", 3, "FailedCreate: pods is forbidden: no", "FailedCreate: Error creating: pods is forbidden: no")]
    [InlineData("DELETE", 0, "FailedDelete: unable to delete pods: pods \"POD\" is forbidden: no", "FailedDelete: Error deleting: pods \"POD\" is forbidden: no")]
    public async Task What_is_refused_is_in_the_status_and_in_an_event_until_it_is_allowed(string verb, int replicas, string condition, string told)
    {
        await using var scenario = Start("replicaset-controller");
        await scenario.CreateAsync(Resources.ReplicaSets, """
            {"metadata":{"name":"web","namespace":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"} },"template":{"metadata":{"labels":{"app":"web"} },"spec":{"containers":[{"name":"c","image":"i"}]} } } }
            """);
        await EventuallyAsync(async () => (int?)(await StatusAsync())["replicas"] == 1);
        var pod = (await scenario.Api.ListAsync(Resources.Pods, new ListQuery("d"), default)).Items[0].Name.Name;
        scenario.Api.Refuses = (what, resource, name) => what == verb && resource.Kind == "Pod" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no") : null;
        await scenario.Api.ChangeAsync(Resources.ReplicaSets, new NamespacedName("d", "web"), t => t["spec"]!["replicas"] = replicas);
        await EventuallyAsync(async () => (await StatusAsync()).Condition("ReplicaFailure") is { } c && $"{c["reason"]}: {c["message"]}" == condition.Replace("POD", pod));
        await EventuallyAsync(async () => (await scenario.EventsAsync("web")).Contains(told.Replace("POD", pod)));
        scenario.Api.Refuses = null;
        await scenario.Time.UntilAsync(1, async () => await StatusAsync() is var s && s.Condition("ReplicaFailure") is null && (int?)s["replicas"] == replicas);

        async Task<JsonObject> StatusAsync() => (await scenario.FindAsync(Resources.ReplicaSets, "web", "d"))!["status"] as JsonObject ?? [];
    }
}
