using System.Reflection;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Configuration;
using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests;

/// <summary>Pods, nodes and volumes come, change and go while the scheduler runs, and the API fails now and then. When all has come to rest the scheduler knows what the API
/// knows, and no Pod waits that fits somewhere. What happens is the seed's, how it meets the scheduler's work is not: a failure may need some repetitions.</summary>
public sealed class RandomLifeTests
{
    private const int Steps = 100;

    [Fact]
    public Task Nothing_is_forgotten() => Task.WhenAll(Enumerable.Range(0, 12).Select(seed => new Life(seed).PlayAsync()));

    private sealed class Life
    {
        private readonly int _seed;
        private readonly Random _random;
        private readonly TestCluster _api = new();
        private readonly List<string> _done = [];
        private int _number;

        public Life(int seed) => (_seed, _random) = (seed, new Random(seed));

        public async Task PlayAsync()
        {
            var configuration = SchedulerConfiguration.Parse("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\npodMaxBackoffSeconds: 1\n");
            await using var informers = new Informers(_api, TimeProvider.System, NullLoggerFactory.Instance);
            var loop = new SchedulerLoop(_api, informers, TimeProvider.System, NullLoggerFactory.Instance, configuration, new Random(_seed));
            using var stop = new CancellationTokenSource();
            var running = loop.RunAsync(stop.Token);
            try
            {
                foreach (var (name, mode) in ((string, string)[])[("slow", "WaitForFirstConsumer"), ("now", "Immediate")])
                    await CreateAsync(Resources.StorageClasses, $$"""{"metadata":{"name":"{{name}}"},"provisioner":"example.com/p","volumeBindingMode":"{{mode}}"}""");
                if (_seed % 3 == 0) FailNowAndThen();
                for (var step = 0; step < Steps; step++)
                {
                    await StepAsync();
                    if (_seed % 2 == 0 || step % 5 == 0) await Task.Delay(_random.Next(20));
                }
                _api.Refuses = null;
                var until = DateTime.UtcNow.AddSeconds(40);
                while (true)
                {
                    foreach (var pod in await PodsAsync())
                        if (pod.IsBeingDeleted()) await _api.RemoveAsync(Resources.Pods, new("d", pod.Metadata.Name));
                    await MakeVolumesAsync(100);
                    await Task.Delay(100);
                    if (await WrongAsync(loop) is not { } wrong) return;
                    if (DateTime.UtcNow > until) Assert.Fail($"seed {_seed}: {wrong}\n{string.Join('\n', _done)}");
                }
            }
            finally
            {
                await stop.CancelAsync();
                await running;
            }
        }

        private void FailNowAndThen()
        {
            var (dice, gate) = (new Random(_seed), new Lock());
            _api.Refuses = (verb, resource, _) =>
            {
                if (resource != Resources.Pods) return null;
                lock (gate)
                    return dice.Next(30) switch { 0 => StatusErrors.Internal("not now"), 1 => throw new IOException("lost"), _ => null };
            };
        }

        private async Task StepAsync()
        {
            try
            {
                switch (_number == 0 ? 15 : _random.Next(20))
                {
                    case < 9:
                        await CreateAsync(Resources.Pods, APod());
                        break;
                    case 9 or 10:
                        await WithAsync("delete", p => true, name => _api.DeleteAsync(Resources.Pods, name, new DeleteQuery(), default).AsTask());
                        break;
                    case 11:
                        await WithAsync("end", p => p.IsBeingDeleted(), name => _api.RemoveAsync(Resources.Pods, name).AsTask());
                        break;
                    case 12:
                        await WithAsync("finish", p => p.Spec.NodeName is not null, p => p["status"]!["phase"] = "Succeeded");
                        break;
                    case 13:
                        await WithAsync("free", p => p.Spec.SchedulingGates is { Count: > 0 }, p => p["spec"]!.AsObject().Remove("schedulingGates"));
                        break;
                    case 14:
                        var cpu = ACpu();
                        await WithAsync($"resize to {cpu}", p => true, p => p["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"] = cpu);
                        break;
                    case < 18:
                        await SetNodeAsync();
                        break;
                    case 18:
                        await CreateAsync(
                            Resources.PersistentVolumeClaims, $$$"""{"metadata":{"name":"c{{{_random.Next(6)}}}","namespace":"d"},"spec":{"storageClassName":"{{{(_random.Next(5) == 0 ? "now" : "slow")}}}","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}} },"status":{} }""");
                        break;
                    default:
                        await MakeVolumesAsync(30);
                        break;
                }
            }
            catch (Exception e) when (e is StatusException or IOException)
            {
                // It was there already, or is not any more, or the API failed.
            }
        }

        private Task WithAsync(string what, Func<V1Pod, bool> which, Action<JsonObject> change) => WithAsync(what, which, name => _api.ChangeAsync(Resources.Pods, name, change).AsTask());

        private async Task WithAsync(string what, Func<V1Pod, bool> which, Func<NamespacedName, Task> act)
        {
            List<V1Pod> some = [.. (await PodsAsync()).Where(which)];
            if (some.Count == 0) return;
            var pod = some[_random.Next(some.Count)].Metadata.Name;
            _done.Add($"{what} {pod}");
            await act(new("d", pod));
        }

        private async Task CreateAsync(ResourceId resource, string json)
        {
            _done.Add(json);
            var tree = JsonNode.Parse(json)!.AsObject();
            await _api.CreateAsync(resource, new((string?)tree["metadata"]!["namespace"] ?? "", (string)tree["metadata"]!["name"]!), tree, null, default);
        }

        private async Task SetNodeAsync()
        {
            var name = $"n{_random.Next(3)}";
            var json = $$$"""
                {"metadata":{"name":"{{{name}}}","labels":{"kubernetes.io/hostname":"{{{name}}}","zone":"z{{{_random.Next(2)}}}"}},"spec":{"unschedulable":{{{(_random.Next(6) == 0 ? "true" : "false")}}}},
                "status":{"allocatable":{"cpu":"{{{_random.Next(1, 5)}}}","memory":"8Gi","pods":"{{{_random.Next(3, 9)}}}"}} }
                """;
            if (await _api.FindAsync(Resources.Nodes, new("", name), default) is null)
            {
                await CreateAsync(Resources.Nodes, json);
                return;
            }
            _done.Add(json);
            var now = JsonNode.Parse(json)!;
            await _api.ChangeAsync(Resources.Nodes, new("", name), node =>
            {
                node["metadata"]!["labels"] = now["metadata"]!["labels"]!.DeepClone();
                (node["spec"], node["status"]) = (now["spec"]!.DeepClone(), now["status"]!.DeepClone());
            });
        }

        private string ACpu() => $"{_random.Next(20)}00m";

        private string APod()
        {
            var name = $"p{(_random.Next(12) == 0 ? _random.Next(_number) : _number++)}";
            var near = $$$"""{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"zone","labelSelector":{"matchLabels":{"app":"a{{{_random.Next(3)}}}"}} }]}""";
            var affinity = _random.Next(10) switch { 0 => $$"""{"podAffinity":{{near}} }""", 1 => $$"""{"podAntiAffinity":{{near}} }""", _ => "{}" };
            var volumes = _random.Next(2) == 0 ? $$$"""[{"name":"v","persistentVolumeClaim":{"claimName":"c{{{_random.Next(6)}}}"}}]""" : "[]";
            return $$$"""
                {"metadata":{"name":"{{{name}}}","namespace":"d","labels":{"app":"a{{{_random.Next(3)}}}"},"finalizers":[{{{(_random.Next(2) == 0 ? "\"test/stay\"" : "")}}}]},
                "spec":{"priority":{{{_random.Next(4)}}},"schedulingGates":[{{{(_random.Next(8) == 0 ? "{\"name\":\"g\"}" : "")}}}],"affinity":{{{affinity}}},"volumes":{{{volumes}}},
                "containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"{{{ACpu()}}}"}} }]},"status":{}}
                """;
        }

        /// <summary>As the provisioner and the controller of volumes do.</summary>
        private async Task MakeVolumesAsync(int percent)
        {
            foreach (var claim in await _api.ListModelsAsync(Resources.PersistentVolumeClaims, new ListQuery("d"), default))
            {
                var node = claim.Metadata.Annotations is { } annotations && annotations.TryGetValue("volume.kubernetes.io/selected-node", out var selected) ? selected : null;
                if (claim.Spec.VolumeName is not null || (node is null && claim.Spec.StorageClassName == "slow") || _random.Next(100) >= percent) continue;
                var volume = $"v-{claim.Metadata.Uid}";
                var on = node is null ? "" : $$$""","nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["{{{node}}}"]}]}]}}""";
                await CreateAsync(Resources.PersistentVolumes, $$$"""{"metadata":{"name":"{{{volume}}}"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"]{{{on}}} }}""");
                await _api.ChangeAsync(Resources.PersistentVolumeClaims, new("d", claim.Metadata.Name), c =>
                {
                    c["spec"]!["volumeName"] = volume;
                    ((JsonObject)(c["metadata"]!["annotations"] ??= new JsonObject()))["pv.kubernetes.io/bind-completed"] = "yes";
                });
            }
        }

        private async Task<string?> WrongAsync(SchedulerLoop loop)
        {
            var cluster = new ClusterState();
            foreach (var node in await _api.ListModelsAsync(Resources.Nodes, new ListQuery(), default)) cluster.SetNode(node);
            var waiting = new List<PodInfo>();
            foreach (var pod in (await PodsAsync()).Where(p => p.Status?.Phase != "Succeeded").Select(p => new PodInfo(p)))
            {
                if (pod.Pod.Spec.NodeName is { } node) cluster.Place(pod, node, isAssumed: false);
                else waiting.Add(pod);
                if (pod.Pod.Spec.NodeName is null && pod.NominatedNode.Length > 0) cluster.Nominations.Set(pod, pod.NominatedNode);
            }
            lock (Get<Lock>(loop, "_gate"))
                if (Get<ClusterState>(loop, "_cluster") is var known && Text(known) != Text(cluster)) return $"it knows\n{Text(known)}\nand there is\n{Text(cluster)}";
            var queued = Get<SchedulingQueue>(loop, "_queue").Lengths();
            if (queued.Active + queued.BackingOff + queued.Binding > 0) return $"{queued.Active} are active, {queued.BackingOff} back off, {queued.Binding} are being bound";
            if (queued.Unschedulable + queued.Gated != waiting.Count) return $"{queued.Unschedulable} wait, {queued.Gated} are gated, and there are {waiting.Count}";
            if (cluster.NodeCount == 0) return null;
            var profile = Get<System.Collections.IDictionary>(loop, "_profiles")["default-scheduler"]!;
            var rules = (Profile)profile.GetType().GetProperty("Profile")!.GetValue(profile)! with { Metrics = null };
            foreach (var pod in waiting.Where(p => !p.IsGated))
                if (new NodeSearch(new Random(_seed)).Find(rules, pod, cluster, out _, out _) is { } node) return $"{pod.Name} fits on {node.Name} and waits: {pod.Pod.Status?.Conditions?.FirstOrDefault()?.Message}";
            return null;
        }

        private ValueTask<IReadOnlyList<V1Pod>> PodsAsync() => _api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default);

        private static string Text(ClusterState cluster) => string.Join('\n', cluster.Nodes.OrderBy(n => n.Name, StringComparer.Ordinal).Select(n =>
            $"{n.Name}: {Names(n.Pods)}, {n.Requested.CpuMillicores}m; nominated {Names(cluster.Nominations.On(n.Name))}"));

        private static string Names(IEnumerable<PodInfo> pods) => string.Join(' ', pods.Select(p => p.Name.Name).Order(StringComparer.Ordinal));

        private static T Get<T>(object of, string name) => (T)of.GetType().GetField(name, BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(of)!;
    }
}
