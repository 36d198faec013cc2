using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using Bramble.Scheduler;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Controllers.Tests;

/// <summary>All controllers and the scheduler together, on the storage semantics of the API; the test plays the kubelet.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private readonly TestCluster _api = new();
    private readonly ConcurrentBag<string> _forbidden = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly JumpingTime _time = new();
    private Informers _informers = null!;
    private Task _running = Task.CompletedTask;

    public ValueTask InitializeAsync()
    {
        _informers = new Informers(_api, _time, NullLoggerFactory.Instance);
        var host = new ControllerHost(new ControllersConfig(["10.42.0.0/16"], "CA"), name => As(name, name == "system:apiserver" ? "cluster-admin" : name.Contains(':') ? name : $"system:controller:{name}"), _informers, _time, NullLoggerFactory.Instance);
        _running = Task.WhenAll(host.RunAsync(_stop.Token), new SchedulerLoop(As("scheduler", "system:kube-scheduler", "system:volume-scheduler"), _informers, _time, NullLoggerFactory.Instance).RunAsync(_stop.Token));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _informers.DisposeAsync();
        // Whatever the test was about: nobody asked for what upstream's role for it does not allow.
        Assert.Empty(_forbidden.Distinct());
    }

    private RoleCheckedClient As(string identity, params string[] roles) => new(_api, identity, [.. RoleCheckedClient.RulesOf(roles), .. RoleCheckedClient.RulesOf("system:basic-user")], _forbidden);

    [Fact]
    public async Task A_Deployment_gets_a_ReplicaSet_and_its_Pods_a_node_and_is_available_when_they_run()
    {
        await NodeAsync("n1");
        await DeploymentAsync("web", 3, "v1");
        await EventuallyAsync(async () => (await PodsAsync()).Count(p => p.Spec.NodeName == "n1") == 3);
        await RunPodsAsync();
        await EventuallyAsync(async () => (await Deployment("web")).Status is { AvailableReplicas: 3, UpdatedReplicas: 3, ObservedGeneration: 1 } status
            && status.Conditions.Any(c => c is { Type: "Available", Status: "True" }) && status.Conditions.Any(c => c is { Type: "Progressing", Reason: "NewReplicaSetAvailable" }));
        var set = Assert.Single(await _api.ListModelsAsync(Resources.ReplicaSets, new ListQuery("d"), default));
        Assert.Equal("1", set.Metadata.Annotations["deployment.kubernetes.io/revision"]);
        Assert.Equal("1", (await Deployment("web")).Metadata.Annotations["deployment.kubernetes.io/revision"]);
    }

    [Fact]
    public async Task A_rolling_update_replaces_all_Pods_never_goes_below_min_available_and_keeps_history()
    {
        await NodeAsync("n1");
        await DeploymentAsync("web", 4, "v1");
        await EventuallyAsync(async () => await RunPodsAsync() && (await Deployment("web")).Status?.AvailableReplicas == 4);
        await _api.ChangeAsync(Resources.Deployments, new NamespacedName("d", "web"), t => t["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = "v2");
        await EventuallyAsync(async () =>
        {
            Assert.InRange((await PodsAsync()).Count(p => p.IsReady() && !p.IsBeingDeleted()), 3, int.MaxValue);
            // What the sets are to have: a Pod of one that has just shrunk may still be there.
            Assert.InRange((await _api.ListModelsAsync(Resources.ReplicaSets, new ListQuery("d"), default)).Sum(s => s.Spec.Replicas ?? 1), 0, 5);
            await RunPodsAsync();
            return (await Deployment("web")).Status is { ObservedGeneration: 2, UpdatedReplicas: 4, AvailableReplicas: 4, Replicas: 4 };
        });
        Assert.All(await PodsAsync(), p => Assert.Equal("v2", p.Spec.Containers[0].Image));
        var sets = await _api.ListModelsAsync(Resources.ReplicaSets, new ListQuery("d"), default);
        Assert.Equal([0, 4], sets.OrderBy(s => s.Metadata.Annotations["deployment.kubernetes.io/revision"]).Select(s => s.Spec.Replicas ?? -1));

        // kubectl rollout undo writes the old template: the old set comes back as revision 3.
        await _api.ChangeAsync(Resources.Deployments, new NamespacedName("d", "web"), t => t["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = "v1");
        await EventuallyAsync(async () => await RunPodsAsync() && (await PodsAsync()).All(p => p.Spec.Containers[0].Image == "v1")
            && (await Deployment("web")) is { Status.AvailableReplicas: 4 } d && d.Metadata.Annotations["deployment.kubernetes.io/revision"] == "3");
        Assert.Equal(2, (await _api.ListModelsAsync(Resources.ReplicaSets, new ListQuery("d"), default)).Count);
    }

    [Fact]
    public async Task Scaling_makes_exactly_as_many_Pods_as_asked()
    {
        await DeploymentAsync("web", 2, "v1");
        await EventuallyAsync(async () => (await PodsAsync()).Count == 2);
        await _api.ChangeAsync(Resources.Deployments, new NamespacedName("d", "web"), t => t["spec"]!["replicas"] = 20);
        await EventuallyAsync(async () => (await PodsAsync()).Count >= 20);
        Assert.Equal(20, (await PodsAsync()).Count);
        await _api.ChangeAsync(Resources.Deployments, new NamespacedName("d", "web"), t => t["spec"]!["replicas"] = 1);
        await EventuallyAsync(async () => (await PodsAsync()).Count <= 1);
        Assert.Single(await PodsAsync());
    }

    [Fact]
    public async Task Deleting_a_Deployment_in_the_background_removes_its_sets_and_Pods()
    {
        await DeploymentAsync("web", 2, "v1");
        await EventuallyAsync(async () => (await PodsAsync()).Count == 2);
        await _api.DeleteAsync(Resources.Deployments, new NamespacedName("d", "web"), new DeleteQuery(PropagationPolicy: "Background"), default);
        await EventuallyAsync(async () => (await PodsAsync()).Count == 0 && (await _api.ListAsync(Resources.ReplicaSets, new ListQuery("d"), default)).Items.Count == 0);
    }

    [Fact]
    public async Task Deleting_a_Deployment_in_the_foreground_removes_its_Pods_first()
    {
        await DeploymentAsync("web", 2, "v1");
        await EventuallyAsync(async () => (await PodsAsync()).Count == 2);
        await _api.DeleteAsync(Resources.Deployments, new NamespacedName("d", "web"), new DeleteQuery(PropagationPolicy: "Foreground"), default);
        await EventuallyAsync(async () => await _api.FindAsync(Resources.Deployments, new NamespacedName("d", "web"), default) is null);
        Assert.Empty(await PodsAsync());
    }

    [Fact]
    public async Task A_namespace_gets_its_account_and_CA_and_goes_with_all_it_holds()
    {
        await _api.CreateAsync(Resources.Namespaces, new NamespacedName("", "x"), Parse("""{"metadata":{"name":"x"},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}"""), null, default);
        await EventuallyAsync(async () => await _api.FindAsync(Resources.ServiceAccounts, new NamespacedName("x", "default"), default) is not null
            && await _api.FindAsync(Resources.ConfigMaps, new NamespacedName("x", "kube-root-ca.crt"), default) is not null);
        await _api.CreateAsync(Resources.ConfigMaps, new NamespacedName("x", "held"), Parse("""{"metadata":{"name":"held","namespace":"x","finalizers":["example.com/hold"]}}"""), null, default);
        _time.Offset = TimeSpan.FromSeconds(5);
        await _api.DeleteAsync(Resources.Namespaces, new NamespacedName("", "x"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.Namespaces, new NamespacedName("", "x"), default))?.Status?.Conditions?
            .Any(c => c.Type == "NamespaceContentRemaining" && c.Message == "Some resources are remaining: configmaps. has 1 resource instances") == true);
        await _api.ChangeAsync(Resources.ConfigMaps, new NamespacedName("x", "held"), t => t["metadata"]!.AsObject().Remove("finalizers"));
        await EventuallyAsync(async () => await _api.FindAsync(Resources.Namespaces, new NamespacedName("", "x"), default) is null);
    }

    [Fact]
    public async Task A_Service_has_the_ready_Pods_as_endpoints()
    {
        await NodeAsync("n1");
        await DeploymentAsync("web", 2, "v1");
        await _api.CreateAsync(Resources.Services, new NamespacedName("d", "s"),
            Parse("""{"metadata":{"name":"s","namespace":"d"},"spec":{"selector":{"app":"web"},"ipFamilies":["IPv4"],"ports":[{"name":"http","port":80,"targetPort":"web","protocol":"TCP"}]}}"""), null, default);
        await EventuallyAsync(async () => await RunPodsAsync() && (await _api.ListModelsAsync(Resources.EndpointSlices, new ListQuery("d"), default)).SelectMany(s => s.Endpoints ?? []).Count(e => e.Conditions.Ready == true) == 2);
        var slice = Assert.Single(await _api.ListModelsAsync(Resources.EndpointSlices, new ListQuery("d"), default));
        Assert.Equal(8080, slice.Ports[0].Port);
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.Endpoints, new NamespacedName("d", "s"), default))?.Subsets is { Count: 1 } subsets && subsets[0].Addresses.Count == 2);
    }

    [Fact]
    public async Task An_unschedulable_Pod_says_why_and_is_placed_when_a_node_comes()
    {
        await NodeAsync("small", cpu: "1");
        await _api.CreateAsync(Resources.Pods, new NamespacedName("d", "big"),
            Parse("""{"metadata":{"name":"big","namespace":"d"},"spec":{"schedulerName":"default-scheduler","containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"3"}}}]},"status":{"phase":"Pending"}}"""), null, default);
        await EventuallyAsync(async () => (await Pod("big")).Status.Conditions?.Any(c => c is { Type: "PodScheduled", Status: "False", Reason: "Unschedulable" }
            && c.Message == "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.") == true);
        await NodeAsync("large", cpu: "8");
        await EventuallyAsync(async () => (await Pod("big")).Spec.NodeName == "large");
    }

    [Fact]
    public async Task Each_node_gets_its_own_part_of_the_pod_network_and_one_daemon_Pod()
    {
        await _api.CreateAsync(Resources.DaemonSets, new NamespacedName("d", "agent"),
            Parse("""{"metadata":{"name":"agent","namespace":"d"},"spec":{"selector":{"matchLabels":{"app":"agent"}},"template":{"metadata":{"labels":{"app":"agent"}},"spec":{"schedulerName":"default-scheduler","containers":[{"name":"c","image":"i"}]}}}}"""), null, default);
        for (var i = 0; i < 3; i++) await NodeAsync($"n{i}");
        await EventuallyAsync(async () => (await PodsAsync()).Select(p => p.Spec.NodeName).Order().SequenceEqual(["n0", "n1", "n2"]));
        await EventuallyAsync(async () => (await _api.ListModelsAsync(Resources.Nodes, new ListQuery(), default)).Select(n => n.Spec.PodCIDR).Order().SequenceEqual(["10.42.0.0/24", "10.42.1.0/24", "10.42.2.0/24"]));
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.DaemonSets, new NamespacedName("d", "agent"), default))!.Status is { DesiredNumberScheduled: 3, CurrentNumberScheduled: 3, UpdatedNumberScheduled: 3 });
    }

    [Fact]
    public async Task A_StatefulSet_starts_its_Pods_one_after_the_other_and_replaces_them_from_the_last()
    {
        await NodeAsync("n1");
        await _api.CreateAsync(Resources.StatefulSets, new NamespacedName("d", "db"),
            Parse("""{"metadata":{"name":"db","namespace":"d"},"spec":{"replicas":3,"serviceName":"db","selector":{"matchLabels":{"app":"db"}},"template":{"metadata":{"labels":{"app":"db"}},"spec":{"schedulerName":"default-scheduler","containers":[{"name":"c","image":"v1"}]}}}}"""), null, default);
        await EventuallyAsync(async () => (await PodsAsync()).Any(p => p.Spec.NodeName == "n1"));
        Assert.Equal(["db-0"], (await PodsAsync()).Select(p => p.Metadata.Name));
        await EventuallyAsync(async () => await RunPodsAsync() && (await Set()).Status?.ReadyReplicas == 3);
        await _api.ChangeAsync(Resources.StatefulSets, new NamespacedName("d", "db"), t => t["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = "v2");
        await EventuallyAsync(async () => await RunPodsAsync() && (await PodsAsync()).Count(p => p.Spec.Containers[0].Image == "v2") == 3
            && (await Set()).Status is { ReadyReplicas: 3 } status && status.CurrentRevision == status.UpdateRevision);

        async Task<V1StatefulSet> Set() => (await _api.FindModelAsync(Resources.StatefulSets, new NamespacedName("d", "db"), default))!;
    }

    [Fact]
    public async Task A_Job_runs_until_enough_Pods_succeeded_and_counts_each_once()
    {
        await NodeAsync("n1");
        await _api.CreateAsync(Resources.Jobs, new NamespacedName("d", "sum"),
            Parse("""{"metadata":{"name":"sum","namespace":"d"},"spec":{"completions":3,"parallelism":2,"backoffLimit":6,"completionMode":"NonIndexed","selector":{"matchLabels":{"job":"sum"}},"template":{"metadata":{"labels":{"job":"sum"}},"spec":{"schedulerName":"default-scheduler","restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}"""), null, default);
        await EventuallyAsync(async () =>
        {
            Assert.InRange((await PodsAsync()).Count(p => p.IsActive()), 0, 2);
            foreach (var pod in (await PodsAsync()).Where(p => p.Spec.NodeName == "n1" && !p.IsFinished()))
                await _api.ChangeAsync(Resources.Pods, pod.NamespacedName(), t => t["status"] = new JsonObject { ["phase"] = "Succeeded" });
            return (await _api.FindModelAsync(Resources.Jobs, new NamespacedName("d", "sum"), default))!.Status?.Conditions?.Any(c => c is { Type: "Complete", Status: "True" }) == true;
        });
        var status = (await _api.FindModelAsync(Resources.Jobs, new NamespacedName("d", "sum"), default))!.Status;
        Assert.Equal((3, null, null), (status.Succeeded, status.Failed, status.Active));
        Assert.All(await PodsAsync(), p => Assert.Empty(p.Metadata.Finalizers ?? []));
    }

    [Fact]
    public async Task A_wall_clock_that_jumps_by_a_month_taints_no_node_and_evicts_no_Pod()
    {
        await NodeAsync("n1");
        await DeploymentAsync("web", 2, "v1");
        await EventuallyAsync(async () => await RunPodsAsync() && (await Deployment("web")).Status?.AvailableReplicas == 2);
        var before = (await PodsAsync()).Select(p => p.Metadata.Uid).Order().ToList();
        _time.Offset = TimeSpan.FromDays(30);
        // Both are looked at after the jump; the second one's taint says that the looking is done.
        await _api.ChangeAsync(Resources.Nodes, new NamespacedName("", "n1"), t => t["metadata"]!["labels"] = new JsonObject { ["after"] = "jump" });
        await NodeAsync("n2");
        await _api.ChangeAsync(Resources.Nodes, new NamespacedName("", "n2"), t => t["spec"]!["unschedulable"] = true);
        await EventuallyAsync(async () => (await Node("n2")).Spec.Taints?.Any(t => t.Key == "node.kubernetes.io/unschedulable") == true);
        Assert.Empty((await Node("n1")).Spec.Taints ?? []);
        Assert.Equal("True", (await Node("n1")).Status.Conditions.Single(c => c.Type == "Ready").Status);
        Assert.Equal(before, (await PodsAsync()).Select(p => p.Metadata.Uid).Order());

        async Task<V1Node> Node(string name) => (await _api.FindModelAsync(Resources.Nodes, new NamespacedName("", name), default))!;
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    private async Task NodeAsync(string name, string cpu = "8") => await _api.CreateAsync(Resources.Nodes, new NamespacedName("", name),
        Parse($$$"""{"metadata":{"name":"{{{name}}}"},"spec":{},"status":{"allocatable":{"cpu":"{{{cpu}}}","memory":"8Gi","pods":"110"},"conditions":[{"type":"Ready","status":"True"}]}}"""), null, default);

    private async Task DeploymentAsync(string name, int replicas, string image) => await _api.CreateAsync(Resources.Deployments, new NamespacedName("d", name),
        Parse($$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"replicas":{{{replicas}}},"progressDeadlineSeconds":600,"revisionHistoryLimit":10,"selector":{"matchLabels":{"app":"{{{name}}}"}},
         "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}},
         "template":{"metadata":{"labels":{"app":"{{{name}}}"}},"spec":{"schedulerName":"default-scheduler","containers":[{"name":"c","image":"{{{image}}}","ports":[{"name":"web","containerPort":8080,"protocol":"TCP"}]}]} } } }
        """), null, default);

    private async Task<V1Deployment> Deployment(string name) => (await _api.FindModelAsync(Resources.Deployments, new NamespacedName("d", name), default))!;

    private async Task<V1Pod> Pod(string name) => (await _api.FindModelAsync(Resources.Pods, new NamespacedName("d", name), default))!;

    private async Task<IReadOnlyList<V1Pod>> PodsAsync() => await _api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default);

    /// <summary>As the kubelet: what has a node runs and is ready.</summary>
    private async Task<bool> RunPodsAsync()
    {
        foreach (var pod in await PodsAsync())
        {
            if (string.IsNullOrEmpty(pod.Spec.NodeName) || pod.IsReady()) continue;
            try
            {
                await _api.ChangeAsync(Resources.Pods, pod.NamespacedName(), t =>
                {
                    t["status"] = new JsonObject
                    {
                        ["phase"] = "Running",
                        ["podIP"] = "10.42.0.9",
                        ["podIPs"] = new JsonArray((JsonNode)new JsonObject { ["ip"] = "10.42.0.9" }),
                        ["conditions"] = new JsonArray((JsonNode)new JsonObject { ["type"] = "Ready", ["status"] = "True", ["lastTransitionTime"] = KubeTime.Seconds(DateTimeOffset.UtcNow) }),
                    };
                });
            }
            catch (Api.Errors.StatusException e) when (e.IsNotFound)
            {
                continue;
            }
        }
        return true;
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string what = "")
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            if (limit.IsCancellationRequested) Assert.Fail($"not within 30 s: {what}");
            await Task.Delay(20);
        }
    }
}

/// <summary>A board without a clock battery: its wall clock can be set, its monotonic one goes on.</summary>
internal sealed class JumpingTime : TimeProvider
{
    public TimeSpan Offset { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Offset;
}
