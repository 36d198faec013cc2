using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using Bramble.Scheduler;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Controllers.Tests.Simulation;

/// <summary>All controllers and the scheduler under random traffic, by a seed: workloads come, are scaled, get new templates and go, nodes come and go, the API has
/// bad moments, and the controllers are stopped and started in the middle. What must hold always is checked all the time, what must come in the end when the bad
/// moments are over. <c>BRAMBLE_SEEDS=from-to</c> plays others; a seed decides traffic and faults, the order of the parts among each other is theirs.</summary>
public sealed class WorkloadSimulationTests
{
    public static TheoryData<int> Seeds
    {
        get
        {
            var range = (Environment.GetEnvironmentVariable("BRAMBLE_SEEDS") ?? "1-4").Split('-').Select(int.Parse).ToList();
            return [.. Enumerable.Range(range[0], range[^1] - range[0] + 1)];
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Whatever_happens_it_settles_as_it_should(int seed)
    {
        await using var world = await World.CreateAsync(seed);
        await world.PlayAsync(steps: 40);
        await world.SettleAsync();
    }

    private sealed class World : IAsyncDisposable
    {
        private readonly int _seed;
        private readonly Random _random;
        private readonly TestCluster _api;
        private readonly FaultyClient _faulty;
        private readonly CancellationTokenSource _stopKubelet = new();
        private readonly Task _kubelet;
        private readonly Dictionary<string, int> _wanted = [];       // Deployments
        private readonly Dictionary<string, int> _mostWanted = [];
        private readonly Dictionary<string, int> _ordered = [];      // StatefulSets
        private readonly ConcurrentDictionary<string, int> _told = [];         // ReplicaSets by uid: the most they were told to have
        private readonly HashSet<string> _nodes = [];
        private readonly string _begin;
        private Parts _parts;
        private int _step;

        private World(int seed, TestCluster api, string begin)
        {
            (_api, _begin) = (api, begin);
            (_seed, _random) = (seed, new Random(seed));
            _faulty = new FaultyClient(_api, seed);
            _parts = new Parts(_faulty);
            _kubelet = Task.WhenAll(Task.Run(KubeletAsync), Task.Run(ListenAsync));
        }

        public static async Task<World> CreateAsync(int seed)
        {
            var api = new TestCluster();
            return new World(seed, api, (await api.ListAsync(Resources.ReplicaSets, new ListQuery(), default)).ResourceVersion);
        }

        public async Task PlayAsync(int steps)
        {
            for (var i = 0; i < 3; i++) await AddNodeAsync($"n{i}");
            for (_step = 0; _step < steps; _step++)
            {
                await ActAsync();
                if (_step == steps / 2)
                {
                    await _parts.DisposeAsync();
                    _parts = new Parts(_faulty);
                }
                for (var look = 0; look < 5; look++)
                {
                    await Task.Delay(_random.Next(1, 15));
                    await CheckAlwaysAsync();
                }
            }
            _faulty.IsFaulty = false;
        }

        public async Task SettleAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            string why;
            while ((why = await UnsettledAsync()).Length > 0)
            {
                if (limit.IsCancellationRequested) Assert.Fail($"{Where()}: not settled after 60 s: {why}");
                await Task.Delay(50);
                await CheckAlwaysAsync();
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _parts.DisposeAsync();
            await _stopKubelet.CancelAsync();
            await _kubelet;
        }

        private async Task ActAsync()
        {
            switch (_random.Next(12))
            {
                case 0 or 1 when _wanted.Count < 4:
                    await CreateDeploymentAsync($"web{_step}", _random.Next(1, 8));
                    break;
                case 2 when _ordered.Count < 2:
                    await CreateStatefulSetAsync($"db{_step}", _random.Next(1, 4));
                    break;
                case 3 or 4 when Any(_wanted) is { } name:
                    Want(name, _random.Next(0, 9));
                    await ChangeAsync(Resources.Deployments, name, t => t["spec"]!["replicas"] = _wanted[name]);
                    break;
                case 5 or 6 when Any(_wanted) is { } name:
                    await ChangeAsync(Resources.Deployments, name, t => t["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = $"v{_step}");
                    break;
                case 7 when Any(_ordered) is { } name:
                    _ordered[name] = _random.Next(0, 4);
                    await ChangeAsync(Resources.StatefulSets, name, t => t["spec"]!["replicas"] = _ordered[name]);
                    break;
                case 8 when Any(_ordered) is { } name:
                    await ChangeAsync(Resources.StatefulSets, name, t => t["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = $"v{_step}");
                    break;
                case 9 when Any(_wanted) is { } name:
                    _wanted.Remove(name);
                    await _api.DeleteAsync(Resources.Deployments, new NamespacedName("d", name), new DeleteQuery(PropagationPolicy: _random.Next(2) == 0 ? "Background" : "Foreground"), default);
                    break;
                case 10:
                    if (_nodes.Count > 2) await RemoveNodeAsync(_nodes.ElementAt(_random.Next(_nodes.Count)));
                    else await AddNodeAsync($"late{_step}");
                    break;
                default:
                    // A Pod is deleted by hand.
                    if (await PodsAsync() is { Count: > 0 } pods) await _api.DeleteAsync(Resources.Pods, pods[_random.Next(pods.Count)].NamespacedName(), new DeleteQuery(), default);
                    break;
            }
        }

        /// <summary>A Deployment's sets together are never told to have more than it wants and its surge, and no set has more Pods than it was ever told to. (A set
        /// that was just told to shrink still has those that are about to go: what there is together can be more for a moment, as upstream.)</summary>
        private async Task CheckAlwaysAsync()
        {
            var pods = await PodsAsync();
            var sets = await _api.ListModelsAsync(Resources.ReplicaSets, new ListQuery("d"), default);
            foreach (var group in sets.GroupBy(s => s.Metadata.Labels["app"]))
                if (_mostWanted.TryGetValue(group.Key, out var most))
                    Assert.True(group.Sum(s => s.Spec.Replicas ?? 0) <= most + Surge(most), $"{Where()}: {group.Key}'s sets shall have {string.Join('+', group.Select(s => s.Spec.Replicas))}, never wanted were more than {most} and a surge of {Surge(most)}");
            foreach (var group in pods.Where(p => p.IsActive() && p.ControllerRef() is { Kind: "ReplicaSet" }).GroupBy(p => p.ControllerRef()!.Uid))
            {
                // Who listens to the sets may be a moment behind.
                for (var i = 0; i < 20 && group.Count() > _told.GetValueOrDefault(group.Key); i++) await Task.Delay(10);
                Assert.True(group.Count() <= _told.GetValueOrDefault(group.Key), $"{Where()}: {group.Count()} Pods of a set that never was to have more than {_told.GetValueOrDefault(group.Key)}");
            }
        }

        /// <summary>Notes the most that each set was told to have.</summary>
        private async Task ListenAsync()
        {
            try
            {
                await foreach (var change in _api.WatchAsync(Resources.ReplicaSets, new ListQuery(ResourceVersion: _begin), _stopKubelet.Token))
                    _told.AddOrUpdate(change.Object.Uid, change.Object.Model<V1ReplicaSet>().Spec.Replicas ?? 0, (_, known) => Math.Max(known, change.Object.Model<V1ReplicaSet>().Spec.Replicas ?? 0));
            }
            catch (OperationCanceledException) when (_stopKubelet.IsCancellationRequested)
            {
                // the end of the test
            }
        }

        private async Task<string> UnsettledAsync()
        {
            var pods = await PodsAsync();
            var sets = await _api.ListModelsAsync(Resources.ReplicaSets, new ListQuery("d"), default);
            foreach (var (name, wanted) in _wanted)
            {
                var deployment = (await _api.FindModelAsync(Resources.Deployments, new NamespacedName("d", name), default))!;
                var image = deployment.Spec.Template.Spec.Containers[0].Image;
                var own = pods.Where(p => p.Metadata.Labels?.TryGetValue("app", out var app) == true && app == name).ToList();
                if (own.Count != wanted || own.Exists(p => !p.IsReady() || p.Spec.Containers[0].Image != image)) return $"{name} has {own.Count} Pods ({own.Count(p => p.IsReady())} ready) of {wanted}";
                if ((deployment.Status?.AvailableReplicas ?? 0) != wanted || (deployment.Status?.UpdatedReplicas ?? 0) != wanted || (deployment.Status?.Replicas ?? 0) != wanted)
                    return $"{name}'s status says {deployment.Status?.Replicas}/{deployment.Status?.UpdatedReplicas}/{deployment.Status?.AvailableReplicas} of {wanted}";
            }
            foreach (var (name, wanted) in _ordered)
            {
                var own = pods.Where(p => p.Metadata.Labels?.TryGetValue("app", out var app) == true && app == name).Select(p => p.Metadata.Name).Order(StringComparer.Ordinal);
                if (!own.SequenceEqual(Enumerable.Range(0, wanted).Select(i => $"{name}-{i}"))) return $"{name} has {string.Join(' ', own)} of {wanted}";
                var set = (await _api.FindModelAsync(Resources.StatefulSets, new NamespacedName("d", name), default))!;
                if ((set.Status?.ReadyReplicas ?? 0) != wanted || set.Status?.CurrentRevision != set.Status?.UpdateRevision) return $"{name} is not rolled out";
            }
            foreach (var set in sets)
                if (set.ControllerRef() is not { } owner || !_wanted.ContainsKey(owner.Name)) return $"{set.Metadata.Name} is left over";
            foreach (var pod in pods)
            {
                if (pod.ControllerRef() is not { } owner || (owner.Kind == "ReplicaSet" && sets.All(s => s.Metadata.Uid != owner.Uid))) return $"{pod.Metadata.Name} is left over";
                if (!_nodes.Contains(pod.Spec.NodeName ?? "")) return $"{pod.Metadata.Name} is on no node ({pod.Spec.NodeName})";
            }
            return "";
        }

        /// <summary>What has a node runs and becomes ready; what is to end ends; of a node that is gone its Pods go, as the garbage collector of Pods would have it
        /// after 40 seconds.</summary>
        private async Task KubeletAsync()
        {
            try
            {
                while (!_stopKubelet.IsCancellationRequested)
                {
                    foreach (var pod in await PodsAsync())
                    {
                        var name = pod.NamespacedName();
                        if (string.IsNullOrEmpty(pod.Spec.NodeName))
                        {
                            if (pod.IsBeingDeleted()) await _api.RemoveAsync(Resources.Pods, name);
                            continue;
                        }
                        bool isThere;
                        lock (_nodes) isThere = _nodes.Contains(pod.Spec.NodeName);
                        if (!isThere || pod.IsBeingDeleted()) await _api.RemoveAsync(Resources.Pods, name);
                        else if (!pod.IsReady()) await ReadyAsync(name);
                    }
                    await Task.Delay(5, _stopKubelet.Token);
                }
            }
            catch (OperationCanceledException) when (_stopKubelet.IsCancellationRequested)
            {
                // the end of the test
            }
        }

        private async Task ReadyAsync(NamespacedName name)
        {
            try
            {
                await _api.ChangeAsync(Resources.Pods, name, t => t["status"] = new JsonObject
                {
                    ["phase"] = "Running",
                    ["conditions"] = new JsonArray((JsonNode)new JsonObject { ["type"] = "Ready", ["status"] = "True", ["lastTransitionTime"] = KubeTime.Seconds(DateTimeOffset.UtcNow) }),
                });
            }
            catch (Bramble.Api.Errors.StatusException e) when (e.IsNotFound)
            {
                // gone meanwhile
            }
        }

        private async Task CreateDeploymentAsync(string name, int replicas)
        {
            Want(name, replicas);
            await CreateAsync(Resources.Deployments, $$$"""
                {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"replicas":{{{replicas}}},"progressDeadlineSeconds":600,"revisionHistoryLimit":2,"selector":{"matchLabels":{"app":"{{{name}}}"} },
                 "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"} },
                 "template":{"metadata":{"labels":{"app":"{{{name}}}"} },"spec":{"schedulerName":"default-scheduler","containers":[{"name":"c","image":"v0"}]} } } }
                """);
        }

        private async Task CreateStatefulSetAsync(string name, int replicas)
        {
            _ordered[name] = replicas;
            await CreateAsync(Resources.StatefulSets, $$$"""
                {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"replicas":{{{replicas}}},"serviceName":"s","selector":{"matchLabels":{"app":"{{{name}}}"} },"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":0} },
                 "podManagementPolicy":"{{{(_random.Next(2) == 0 ? "Parallel" : "OrderedReady")}}}",
                 "template":{"metadata":{"labels":{"app":"{{{name}}}"} },"spec":{"schedulerName":"default-scheduler","containers":[{"name":"c","image":"v0"}]} } } }
                """);
        }

        private async Task AddNodeAsync(string name)
        {
            lock (_nodes) _nodes.Add(name);
            await CreateAsync(Resources.Nodes, $$$"""
                {"metadata":{"name":"{{{name}}}"},"spec":{},"status":{"allocatable":{"cpu":"64","memory":"64Gi","pods":"500"},"conditions":[{"type":"Ready","status":"True"}]} }
                """);
        }

        private async Task RemoveNodeAsync(string name)
        {
            lock (_nodes) _nodes.Remove(name);
            await _api.DeleteAsync(Resources.Nodes, new NamespacedName("", name), new DeleteQuery(), default);
        }

        private void Want(string name, int replicas)
        {
            _wanted[name] = replicas;
            _mostWanted[name] = Math.Max(_mostWanted.GetValueOrDefault(name), replicas);
        }

        private string? Any(Dictionary<string, int> of) => of.Count == 0 ? null : of.Keys.ElementAt(_random.Next(of.Count));

        private static int Surge(int wanted) => (wanted + 3) / 4;

        private async Task CreateAsync(ResourceId resource, string json)
        {
            var body = JsonNode.Parse(json)!.AsObject();
            await _api.CreateAsync(resource, new NamespacedName((string?)body["metadata"]!["namespace"] ?? "", (string)body["metadata"]!["name"]!), body, null, default);
        }

        private async Task ChangeAsync(ResourceId resource, string name, Action<JsonObject> change) => await _api.ChangeAsync(resource, new NamespacedName("d", name), change);

        private async Task<IReadOnlyList<V1Pod>> PodsAsync() => await _api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default);

        private string Where() => $"seed {_seed}, step {_step} (replay: BRAMBLE_SEEDS={_seed}-{_seed})";
    }

    /// <summary>The process: controllers and scheduler with their copies of the cluster.</summary>
    private sealed class Parts : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Informers _informers;
        private readonly Task _running;

        public Parts(IKubeClient api)
        {
            _informers = new Informers(api, TimeProvider.System, NullLoggerFactory.Instance);
            var host = new ControllerHost(new ControllersConfig([], "CA"), _ => api, _informers, TimeProvider.System, NullLoggerFactory.Instance);
            _running = Task.WhenAll(host.RunAsync(_stop.Token), new SchedulerLoop(api, _informers, TimeProvider.System, NullLoggerFactory.Instance).RunAsync(_stop.Token));
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            await _informers.DisposeAsync();
            _stop.Dispose();
        }
    }
}
