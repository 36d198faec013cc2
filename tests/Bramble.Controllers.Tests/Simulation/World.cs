using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Tests;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using Bramble.Scheduler;
using Bramble.Storage;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Controllers.Tests.Simulation;

/// <summary>A cluster that lives through random traffic. In a calm one nothing but controllers and evictions takes Pods away, so that it can be said how many must be
/// ready; in the others machines fail, and Pods fail and are deleted by hand.</summary>
internal sealed class World
{
    private const int Steps = 40;
    private const string Guarded = "guarded";      // the Deployment that only evictions touch
    private const int GuardedReplicas = 6;

    private readonly int _seed;
    private readonly Random _random;
    private readonly SimulatedTime _time;
    private readonly bool _isCalm;
    private readonly MemoryStore _store = new();
    private readonly Judge _judge;
    private readonly Dictionary<string, int> _deployments = [];
    private readonly Dictionary<string, int> _ordered = [];
    private readonly HashSet<string> _daemons = [];
    private readonly HashSet<string> _jobs = [];
    private readonly HashSet<string> _nodes = [];
    private readonly Dictionary<string, int> _cpus = [];
    private readonly HashSet<string> _cordoned = [];
    private readonly List<string> _told = [];
    private IKubeClient _api = null!;
    private SimulatedKubelets _kubelets = null!;
    private Parts _parts = null!;
    private int _step;

    public World(int seed, Random random, SimulatedTime time)
    {
        (_seed, _random, _time) = (seed, random, time);
        _isCalm = random.Next(3) == 0;
        _judge = new Judge(_store, time, _isCalm);
    }

    public string History => $"{_time.Elapsed}, {_judge.History}";

    public async Task PlayAsync()
    {
        using var end = new CancellationTokenSource();
        await using var api = await InMemoryApi.StartAsync(_store, _time, _random);
        _api = api.Client;
        var judging = _judge.WatchAsync(end.Token);
        foreach (var ns in (string[])["default", "kube-system", "kube-node-lease", "d"]) await CreateAsync(Resources.Namespaces, $$$"""{"metadata":{"name":"{{{ns}}}"} }""");
        _kubelets = new SimulatedKubelets(_api, _random, _time);
        _parts = new Parts(_api, _random, _time);
        for (var i = 0; i < 3; i++) await AddNodeAsync($"n{i}", _random.Next(2, 6));
        await PassAsync(TimeSpan.FromSeconds(1));       // the namespace has its service account
        await CreateDeploymentAsync(Guarded, GuardedReplicas, isGuarded: true);
        for (_step = 0; _step < Steps; _step++)
        {
            await ActAsync();
            await PassAsync(TimeSpan.FromMilliseconds(_random.Next(8) switch { 0 => 1, 1 or 2 => _random.Next(100), 3 or 4 => _random.Next(3000), 5 or 6 => _random.Next(30_000), _ => _random.Next(120_000) }));
        }
        await CalmDownAsync();
        await SettleAsync();
        await _parts.StopAsync(isSudden: false);
        await _kubelets.DisposeAsync();
        end.Cancel();
        await judging;
    }

    private async Task PassAsync(TimeSpan span)
    {
        await Task.Delay(span, _time);
        if (_judge.Verdict is { } verdict) Assert.Fail($"{verdict} ({Where()})");
    }

    private async Task ActAsync()
    {
        switch (_random.Next(20))
        {
            case 0 or 1 when _deployments.Count < 5:
                await CreateDeploymentAsync($"web{_step}", _random.Next(1, 8));
                break;
            case 2 when _ordered.Count < 2:
                await CreateStatefulSetAsync($"db{_step}", _random.Next(1, 4));
                break;
            case 3 when _daemons.Count < 2:
                await CreateDaemonSetAsync($"agent{_step}");
                break;
            case 4 or 5 when _jobs.Count < 4:
                await CreateJobAsync($"job{_step}");
                break;
            case 6 or 7 when AnyDeployment() is { } name:
                _deployments[name] = _random.Next(0, 9);
                Tell($"scale {name} to {_deployments[name]}");
                await ChangeAsync(Resources.Deployments, name, $$$"""{"spec":{"replicas":{{{_deployments[name]}}}} }""");
                break;
            case 8 or 9 when AnyDeployment() is { } name:
                await NewImageAsync(Resources.Deployments, name);
                break;
            case 10 when Any(_ordered.Keys) is { } name:
                _ordered[name] = _random.Next(0, 4);
                Tell($"scale {name} to {_ordered[name]}");
                await ChangeAsync(Resources.StatefulSets, name, $$$"""{"spec":{"replicas":{{{_ordered[name]}}}} }""");
                break;
            case 11 when Any(_ordered.Keys) is { } name:
                await NewImageAsync(Resources.StatefulSets, name);
                break;
            case 12 when Any(_daemons) is { } name:
                await NewImageAsync(Resources.DaemonSets, name);
                break;
            case 13:
                await DeleteWorkloadAsync();
                break;
            case 14 when !_isCalm:
                await DisturbNodeAsync();
                break;
            case 15:
                await DrainAsync();
                break;
            case 16 or 17:
                var isSudden = _random.Next(2) == 0;
                Tell(isSudden ? "the process dies" : "restart");
                await _parts.StopAsync(isSudden);
                if (_random.Next(2) == 0) await PassAsync(TimeSpan.FromMilliseconds(_random.Next(20_000)));
                _parts = new Parts(_api, _random, _time);
                break;
            case 18 when !_isCalm:
                await DisturbPodAsync();
                break;
            default:
                if (_nodes.Count < 5) await AddNodeAsync($"late{_step}", _random.Next(2, 6));
                break;
        }
    }

    private async Task CreateDeploymentAsync(string name, int replicas, bool isGuarded = false)
    {
        if (!isGuarded) _deployments[name] = replicas;
        Tell($"Deployment {name} of {replicas}");
        if (isGuarded) await CreateAsync(Resources.PodDisruptionBudgets, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"maxUnavailable":1,"selector":{"matchLabels":{"app":"{{{name}}}"} } } }""");
        var strategy = !isGuarded && _random.Next(6) == 0
            ? """{"type":"Recreate"}"""
            : $$$"""{"type":"RollingUpdate","rollingUpdate":{{{_random.Next(4) switch { 0 => """{"maxSurge":"25%","maxUnavailable":"25%"}""", 1 => """{"maxSurge":1,"maxUnavailable":0}""", 2 => """{"maxSurge":0,"maxUnavailable":2}""", _ => """{"maxSurge":"100%","maxUnavailable":"50%"}""" }}}} }""";
        await CreateAsync(Resources.Deployments, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"replicas":{{{replicas}}},"revisionHistoryLimit":2,"selector":{"matchLabels":{"app":"{{{name}}}"} },"strategy":{{{strategy}}},
             "minReadySeconds":{{{(_random.Next(3) == 0 ? 5 : 0)}}},"template":{{{Template(name)}}} } }
            """);
        await CreateAsync(Resources.Services, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"selector":{"app":"{{{name}}}"},"ports":[{"port":80}]} }""");
    }

    private async Task CreateStatefulSetAsync(string name, int replicas)
    {
        _ordered[name] = replicas;
        Tell($"StatefulSet {name} of {replicas}");
        await CreateAsync(Resources.StatefulSets, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"replicas":{{{replicas}}},"serviceName":"s","selector":{"matchLabels":{"app":"{{{name}}}"} },
             "podManagementPolicy":"{{{(_random.Next(2) == 0 ? "Parallel" : "OrderedReady")}}}","template":{{{Template(name)}}} } }
            """);
    }

    private async Task CreateDaemonSetAsync(string name)
    {
        _daemons.Add(name);
        Tell($"DaemonSet {name}");
        await CreateAsync(Resources.DaemonSets, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"selector":{"matchLabels":{"app":"{{{name}}}"} },"template":{{{Template(name, cpu: "0")}}} } }""");
    }

    private async Task CreateJobAsync(string name)
    {
        _jobs.Add(name);
        var completions = _random.Next(1, 6);
        Tell($"Job {name} of {completions}");
        await CreateAsync(Resources.Jobs, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"completions":{{{completions}}},"parallelism":{{{_random.Next(1, 4)}}},"backoffLimit":{{{_random.Next(2, 8)}}},
             "completionMode":"{{{(_random.Next(2) == 0 ? "Indexed" : "NonIndexed")}}}","template":{{{Template(name, "Never")}}} } }
            """);
    }

    private static string Template(string name, string restartPolicy = "Always", string cpu = "200m") => $$$"""
        {"metadata":{"labels":{"app":"{{{name}}}"} },"spec":{"restartPolicy":"{{{restartPolicy}}}","containers":[{"name":"c","image":"v0","resources":{"requests":{"cpu":"{{{cpu}}}"} } }]} }
        """;

    private Task NewImageAsync(ResourceId resource, string name)
    {
        Tell($"v{_step} of {name}");
        return ChangeAsync(resource, name, $$$"""{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"v{{{_step}}}"}]} } } }""");
    }

    private async Task DeleteWorkloadAsync()
    {
        var (resource, name) = _random.Next(4) switch
        {
            0 => ((ResourceId)Resources.StatefulSets, Any(_ordered.Keys)),
            1 => (Resources.Jobs, Any(_jobs)),
            2 => (Resources.DaemonSets, Any(_daemons)),
            _ => (Resources.Deployments, AnyDeployment()),
        };
        if (name is null) return;
        _deployments.Remove(name);
        _ordered.Remove(name);
        _jobs.Remove(name);
        _daemons.Remove(name);
        var policy = _random.Next(2) == 0 ? "Background" : "Foreground";
        Tell($"delete {name}, {policy}");
        await _api.DeleteAsync(resource, new NamespacedName("d", name), new DeleteQuery(PropagationPolicy: policy), default);
    }

    private async Task DisturbNodeAsync()
    {
        if (_nodes.FirstOrDefault(n => !_kubelets.IsUp(n)) is { } down && _random.Next(2) == 0)
        {
            Tell($"{down} is up again");
            await _kubelets.StartAsync(down, _cpus[down]);
            return;
        }
        var node = Any(_nodes)!;
        if (_nodes.Count > 2 && _random.Next(3) == 0)
        {
            Tell($"{node} is removed");
            await RemoveNodeAsync(node);
            return;
        }
        Tell($"{node} fails");
        _kubelets.Fail(node);
    }

    /// <summary>As kubectl drain: cordoned, and each Pod evicted as its budget allows; sometimes uncordoned again.</summary>
    private async Task DrainAsync()
    {
        if (Any(_cordoned) is { } back && _random.Next(2) == 0)
        {
            Tell($"uncordon {back}");
            _cordoned.Remove(back);
            await _api.StrategicPatchAsync(Resources.Nodes, new("", back), Tree("""{"spec":{"unschedulable":null} }"""), null, default);
            return;
        }
        if (_nodes.Count - _cordoned.Count < 2) return;
        var node = Any(_nodes)!;
        Tell($"drain {node}");
        _cordoned.Add(node);
        await _api.StrategicPatchAsync(Resources.Nodes, new("", node), Tree("""{"spec":{"unschedulable":true} }"""), null, default);
        // In a calm world only the guarded ones: other Pods have no budget, and would be missed.
        await Task.WhenAll((await PodsAsync()).Where(p => p.Spec.NodeName == node && p.IsActive() && p.ControllerRef()?.Kind != "DaemonSet" && (!_isCalm || p.Metadata.Labels["app"] == Guarded)).Select(EvictAsync));
    }

    private async Task EvictAsync(V1Pod pod)
    {
        for (var attempt = 0; attempt < 5 && !await TryEvictAsync(pod); attempt++) await Task.Delay(TimeSpan.FromSeconds(5), _time);
    }

    private async Task<bool> TryEvictAsync(V1Pod pod)
    {
        try
        {
            await _api.CreateAsync(Resources.Pods, pod.NamespacedName(), Tree($$$"""
                {"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"{{{pod.Metadata.Name}}}","namespace":"d"} }
                """), "eviction", default);
            return true;
        }
        catch (StatusException e) when (e.Status.Code == 429 || e.IsConflict)
        {
            return false;
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            return true;
        }
    }

    private async Task DisturbPodAsync()
    {
        var pods = await PodsAsync();
        if (pods.Count == 0) return;
        var pod = pods[_random.Next(pods.Count)];
        switch (_random.Next(3))
        {
            case 0:
                Tell($"delete {pod.Metadata.Name}");
                await _api.DeleteAsync(Resources.Pods, pod.NamespacedName(), new DeleteQuery(), default);
                break;
            case 1 when pod.Spec.NodeName is { Length: > 0 }:
                Tell($"{pod.Metadata.Name} fails");
                await _kubelets.PatchAsync(pod, default, "Failed", isReady: false);
                break;
            case 2 when pod.IsReady():
                Tell($"{pod.Metadata.Name} is not ready for a while");
                await _kubelets.PatchAsync(pod, default, "Running", isReady: false);
                await PassAsync(TimeSpan.FromSeconds(_random.Next(20)));
                await _kubelets.PatchAsync(pod, default, "Running", isReady: true);
                break;
        }
    }

    private async Task AddNodeAsync(string name, int cpus)
    {
        Tell($"{name} joins");
        _nodes.Add(name);
        _cpus[name] = cpus;
        await _kubelets.StartAsync(name, cpus);
    }

    private async Task RemoveNodeAsync(string name)
    {
        _nodes.Remove(name);
        _cordoned.Remove(name);
        _kubelets.Fail(name);
        await _api.DeleteAsync(Resources.Nodes, new NamespacedName("", name), new DeleteQuery(), default);
    }

    /// <summary>No more faults; machines that are down come up or are removed, and there is room for all.</summary>
    private async Task CalmDownAsync()
    {
        Tell("all becomes calm");
        _parts.Client.IsFaulty = false;
        foreach (var node in _nodes.Where(n => !_kubelets.IsUp(n)).ToList())
        {
            if (_random.Next(2) == 0) await RemoveNodeAsync(node);
            else await _kubelets.StartAsync(node, _cpus[node]);
        }
        await AddNodeAsync("large", 64);
        await AddNodeAsync("larger", 64);
    }

    private async Task SettleAsync()
    {
        var limit = _time.Elapsed + TimeSpan.FromMinutes(30);
        string why;
        while ((why = await UnsettledAsync()).Length > 0)
        {
            if (_time.Elapsed > limit) Assert.Fail($"not settled after 30 minutes: {why} ({Where()})");
            await PassAsync(TimeSpan.FromSeconds(5));
        }
    }

    private async Task<string> UnsettledAsync()
    {
        var pods = (await PodsAsync()).Where(p => !p.IsFinished() || p.IsBeingDeleted()).ToList();
        var sets = await _api.ListModelsAsync(Resources.ReplicaSets, new ListQuery("d"), default);
        foreach (var (name, wanted) in _deployments.Append(new(Guarded, GuardedReplicas)))
        {
            var deployment = (await _api.FindModelAsync(Resources.Deployments, new NamespacedName("d", name), default))!;
            var image = deployment.Spec.Template.Spec.Containers[0].Image;
            var own = Own(name);
            if (own.Count != wanted || own.Exists(p => !p.IsReady() || p.Spec.Containers[0].Image != image)) return $"{name} has {own.Count} Pods ({own.Count(p => p.IsReady())} ready) of {wanted}: {Whole(name)}";
            if (Differs(deployment.Status?.AvailableReplicas, wanted) || Differs(deployment.Status?.UpdatedReplicas, wanted) || Differs(deployment.Status?.Replicas, wanted) || deployment.Status?.ObservedGeneration != deployment.Metadata.Generation)
                return $"{name}'s status says {deployment.Status?.Replicas}/{deployment.Status?.UpdatedReplicas}/{deployment.Status?.AvailableReplicas} of {wanted}";
            if (sets.Count(s => s.IsControlledBy(deployment.Metadata.Uid)) > 3) return $"{name} keeps more than its present and two old sets";
            var slices = await _api.ListModelsAsync(Resources.EndpointSlices, new ListQuery("d", $"kubernetes.io/service-name={name}"), default);
            if (!slices.SelectMany(s => s.Endpoints ?? []).Select(e => e.TargetRef.Uid).Order().SequenceEqual(own.Select(p => p.Metadata.Uid).Order())) return $"{name}'s endpoints are not its Pods";
        }
        foreach (var (name, wanted) in _ordered)
        {
            if (!Own(name).Select(p => p.Metadata.Name).Order(StringComparer.Ordinal).SequenceEqual(Enumerable.Range(0, wanted).Select(i => $"{name}-{i}"))) return $"{name} has {string.Join(' ', Own(name).Select(p => p.Metadata.Name))} of {wanted}";
            var set = (await _api.FindModelAsync(Resources.StatefulSets, new NamespacedName("d", name), default))!;
            if (Differs(set.Status?.ReadyReplicas, wanted) || set.Status?.CurrentRevision != set.Status?.UpdateRevision) return $"{name} is not rolled out";
        }
        foreach (var name in _daemons)
        {
            var set = (await _api.FindModelAsync(Resources.DaemonSets, new NamespacedName("d", name), default))!;
            if (!Own(name).Where(p => p.IsReady()).Select(p => p.Spec.NodeName).Order(StringComparer.Ordinal).SequenceEqual(_nodes.Order(StringComparer.Ordinal))) return $"{name} is on {Whole(name)} of {string.Join(' ', _nodes)}";
            if (set.Status.NumberReady != _nodes.Count || set.Status.UpdatedNumberScheduled != _nodes.Count) return $"{name}'s status says {set.Status.NumberReady} ready of {_nodes.Count}";
        }
        foreach (var name in _jobs)
        {
            var job = (await _api.FindModelAsync(Resources.Jobs, new NamespacedName("d", name), default))!;
            var isComplete = job.Status?.Conditions?.Any(c => c is { Type: "Complete", Status: "True" }) == true;
            if (!isComplete && job.Status?.Conditions?.Any(c => c is { Type: "Failed", Status: "True" }) != true) return $"{name} is not finished";
            if (isComplete && job.Status!.Succeeded != job.Spec.Completions) return $"{name} says {job.Status.Succeeded} of {job.Spec.Completions}";
            if (Own(name).Count > 0) return $"{name} still has Pods that run";
        }
        foreach (var set in sets)
            if (set.ControllerRef() is not { } owner || (owner.Name != Guarded && !_deployments.ContainsKey(owner.Name))) return $"{set.Metadata.Name} is left over";
        foreach (var pod in pods)
        {
            if (pod.IsBeingDeleted()) return $"{pod.Metadata.Name} does not go";
            if (pod.ControllerRef() is not { } owner || (owner.Kind == "ReplicaSet" && sets.All(s => s.Metadata.Uid != owner.Uid)) || !Exists(owner)) return $"{pod.Metadata.Name} is left over";
            if (!_nodes.Contains(pod.Spec.NodeName ?? "")) return $"{pod.Metadata.Name} is on no node ({pod.Spec.NodeName})";
        }
        return "";

        List<V1Pod> Own(string name) => [.. pods.Where(p => p.Metadata.Labels?.TryGetValue("app", out var app) == true && app == name)];

        string Whole(string name) => string.Join(", ", Own(name).Select(p => $"{p.Metadata.Name} {p.Status?.Phase} {(p.IsReady() ? "ready " : "")}on {p.Spec.NodeName} {p.Condition("PodScheduled")?.Message}"));

        bool Exists(V1OwnerReference owner) => owner.Kind == "ReplicaSet" || _ordered.ContainsKey(owner.Name) || _daemons.Contains(owner.Name) || _jobs.Contains(owner.Name);

        static bool Differs(int? count, int wanted) => (count ?? 0) != wanted;
    }

    private string? Any(IEnumerable<string> names) => names.ToList() is { Count: > 0 } all ? all[_random.Next(all.Count)] : null;

    private string? AnyDeployment() => Any(_deployments.Keys);

    private async Task CreateAsync(ResourceId resource, string json) => await _api.CreateAsync(resource, Tree(json), default);

    private async Task ChangeAsync(ResourceId resource, string name, string patch) => await _api.StrategicPatchAsync(resource, new NamespacedName("d", name), Tree(patch), null, default);

    private async Task<IReadOnlyList<V1Pod>> PodsAsync() => await _api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default);

    private static JsonObject Tree(string json) => JsonNode.Parse(json)!.AsObject();

    private void Tell(string what) => _told.Add($"{_time.GetUtcNow():HH:mm:ss} {what}");

    private string Where() => $"seed {_seed}, {(_isCalm ? "calm, " : "")}step {_step}; before: {string.Join("; ", _told.TakeLast(12))}";

    /// <summary>The process: controllers and scheduler with their copies of the cluster.</summary>
    private sealed class Parts
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Informers _informers;
        private readonly Task _running;

        public Parts(IKubeClient api, Random random, TimeProvider time)
        {
            Client = new FaultyClient(() => api, random, time);
            _informers = new Informers(Client, time, NullLoggerFactory.Instance);
            var host = new ControllerHost(new ControllersConfig([], "CA"), _ => Client, _informers, time, NullLoggerFactory.Instance);
            var scheduler = new SchedulerLoop(Client, _informers, time, NullLoggerFactory.Instance, random: random);
            _running = Task.WhenAll(host.RunAsync(_stop.Token), scheduler.RunAsync(_stop.Token));
        }

        public FaultyClient Client { get; }

        /// <param name="isSudden">In the middle of whatever it does.</param>
        public async Task StopAsync(bool isSudden)
        {
            Client.IsDead = isSudden;
            if (isSudden)
            {
                // The API dies with the process, or another one takes over after a lease: its last calls are over in any case.
                while (Client.CallsUnderWay > 0) await Task.Yield();
                return;
            }
            _stop.Cancel();
            await _running;
            await _informers.DisposeAsync();
        }
    }
}
