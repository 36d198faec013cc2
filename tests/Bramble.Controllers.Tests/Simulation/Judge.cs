using System.Security.Cryptography;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using Bramble.Storage;
using k8s;
using k8s.Models;

namespace Bramble.Controllers.Tests.Simulation;

/// <summary>Reads every write of the store in order and says what must never be. What is true at a revision is exactly known here, whatever controllers knew when
/// they acted.</summary>
/// <param name="isCalm">Nobody but controllers and evictions takes Pods away: then it also holds how many are ready.</param>
internal sealed class Judge(MemoryStore store, TimeProvider time, bool isCalm)
{
    private readonly Dictionary<string, V1Pod> _pods = [];
    private readonly Dictionary<string, V1ReplicaSet> _sets = [];
    private readonly Dictionary<string, V1Deployment> _deployments = [];
    private readonly Dictionary<string, V1StatefulSet> _ordered = [];
    private readonly Dictionary<string, V1Job> _jobs = [];
    private readonly Dictionary<string, V1Node> _nodes = [];
    private readonly Dictionary<string, V1PodDisruptionBudget> _budgets = [];
    private readonly Dictionary<string, int> _mostTold = [];                  // ReplicaSets by uid: the most Pods they were told to have
    private readonly Dictionary<string, (int Wanted, int Surge)> _mostWanted = [];
    private readonly Dictionary<string, int> _floors = [];                    // Deployments by name: Pods that must be ready since they once were
    private readonly IncrementalHash _history = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _writes;

    /// <summary>What was wrong, the first of it.</summary>
    public string? Verdict { get; private set; }

    /// <summary>All writes so far, told from any other history.</summary>
    public string History => $"{_writes} writes, {Convert.ToHexStringLower(_history.GetCurrentHash())[..16]}";

    public async Task WatchAsync(CancellationToken stop)
    {
        try
        {
            await foreach (var batch in store.WatchAsync(store.CurrentRevision, stop))
                foreach (var change in batch) See(change);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // the end of the play
        }
    }

    private void See(in StoreEvent change)
    {
        _writes++;
        // Names of events come from a counter of the process, addresses of Services from chance.
        if (change.Key.Split('/')[2] is not ("events" or "ipaddresses")) _history.AppendData(System.Text.Encoding.UTF8.GetBytes($"{time.GetTimestamp()} {change.Key} {change.IsDelete}"));
        switch (change.Key.Split('/')[2])
        {
            case "pods": SeePod(change); break;
            case "minions": Keep(_nodes, change); break;
            case "replicasets": SeeReplicaSet(change); break;
            case "deployments": SeeDeployment(change); break;
            case "statefulsets": Keep(_ordered, change); break;
            case "poddisruptionbudgets": Keep(_budgets, change); break;
            case "jobs": Keep(_jobs, change); break;
        }
    }

    private void SeePod(in StoreEvent change)
    {
        var old = _pods.GetValueOrDefault(change.Key);
        var now = Keep(_pods, change);
        if (now is not null && old?.Metadata.Uid == now.Metadata.Uid && old.Spec.NodeName is { Length: > 0 } was && was != now.Spec.NodeName) Say($"{Name(now)} was on {was} and is on {now.Spec.NodeName}");
        if (now?.Spec.NodeName is { Length: > 0 } && old?.Spec.NodeName is not { Length: > 0 }) SeeBinding(now);
        if (now is not null && old is null && now.ControllerRef() is { } owner) SeeCreation(now, owner);
        if (isCalm && (now ?? old)!.ControllerRef() is { Kind: "ReplicaSet" } its) SeeReadiness(its);
    }

    /// <summary>No node holds more than it has.</summary>
    private void SeeBinding(V1Pod pod)
    {
        if (!_nodes.TryGetValue($"/registry/minions/{pod.Spec.NodeName}", out var node)) return;
        var there = _pods.Values.Where(p => p.Spec.NodeName == pod.Spec.NodeName && !p.IsFinished()).ToList();
        var cpus = there.Sum(p => p.Spec.Containers.Sum(c => c.Resources?.Requests?.TryGetValue("cpu", out var cpu) == true ? cpu.ToDecimal() : 0));
        if (cpus > node.Status.Allocatable["cpu"].ToDecimal()) Say($"{pod.Spec.NodeName} has {node.Status.Allocatable["cpu"]} CPUs, its Pods want {cpus} since {Name(pod)} came");
        if (there.Count > node.Status.Allocatable["pods"].ToInt32()) Say($"{pod.Spec.NodeName} has {there.Count} Pods since {Name(pod)} came");
    }

    /// <summary>No controller makes more Pods than it was ever told to.</summary>
    private void SeeCreation(V1Pod pod, V1OwnerReference owner)
    {
        var siblings = _pods.Values.Where(p => p.IsControlledBy(owner.Uid) && p.IsActive()).ToList();
        switch (owner.Kind)
        {
            case "ReplicaSet" when siblings.Count > _mostTold.GetValueOrDefault(owner.Uid):
                Say($"{siblings.Count} Pods of {owner.Name}, which never was to have more than {_mostTold.GetValueOrDefault(owner.Uid)}");
                break;
            case "ReplicaSet" when DeploymentOf(owner) is { Spec.Strategy.Type: "Recreate" } deployment:
                foreach (var other in _pods.Values)
                    if (!other.IsFinished() && other.ControllerRef() is { Kind: "ReplicaSet" } theirs && theirs.Uid != owner.Uid && DeploymentOf(theirs) == deployment)
                        Say($"{Name(pod)} came while {Name(other)} was there, and {deployment.Metadata.Name} recreates");
                break;
            case "DaemonSet":
                var place = NodeOf(pod);
                if (siblings.Count(p => NodeOf(p) == place) > 1) Say($"{owner.Name} has two Pods on {place}");
                break;
            case "StatefulSet" when isCalm && _ordered.Values.FirstOrDefault(s => s.Metadata.Uid == owner.Uid) is { Spec.PodManagementPolicy: "OrderedReady" } set:
                var ordinal = int.Parse(pod.Metadata.Name[(pod.Metadata.Name.LastIndexOf('-') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
                for (var i = 0; i < ordinal; i++)
                    if (siblings.Find(p => p.Metadata.Name == $"{set.Metadata.Name}-{i}") is not { } before || !before.IsReady()) Say($"{Name(pod)} came while {set.Metadata.Name}-{i} was not ready");
                break;
            case "Job" when _jobs.Values.FirstOrDefault(j => j.Metadata.Uid == owner.Uid) is { } job:
                var succeeded = _pods.Values.Count(p => p.IsControlledBy(owner.Uid) && p.Status?.Phase == "Succeeded");
                if (siblings.Count > job.Spec.Parallelism) Say($"{siblings.Count} Pods of {owner.Name} run, {job.Spec.Parallelism} may");
                if (siblings.Count + succeeded > job.Spec.Completions) Say($"{siblings.Count} Pods of {owner.Name} run and {succeeded} have succeeded of {job.Spec.Completions}");
                break;
        }
    }

    /// <summary>A Deployment's sets together are never told to have more than it ever wanted and its surge.</summary>
    private void SeeReplicaSet(in StoreEvent change)
    {
        if (Keep(_sets, change) is not { } set) return;
        _mostTold[set.Metadata.Uid] = Math.Max(_mostTold.GetValueOrDefault(set.Metadata.Uid), set.Spec.Replicas ?? 0);
        if (set.ControllerRef() is not { } owner || !_mostWanted.TryGetValue(owner.Uid, out var most)) return;
        var told = _sets.Values.Where(s => s.IsControlledBy(owner.Uid) && !s.IsBeingDeleted()).Sum(s => s.Spec.Replicas ?? 0);
        if (told > most.Wanted + most.Surge) Say($"{owner.Name}'s sets shall have {told}, never wanted were more than {most.Wanted} and a surge of {most.Surge}");
    }

    private void SeeDeployment(in StoreEvent change)
    {
        var old = _deployments.GetValueOrDefault(change.Key);
        if (Keep(_deployments, change) is not { } now) return;
        var wanted = now.Spec.Replicas ?? 0;
        _mostWanted.TryGetValue(now.Metadata.Uid, out var most);
        _mostWanted[now.Metadata.Uid] = (Math.Max(most.Wanted, wanted), Math.Max(most.Surge, Part(now.Spec.Strategy.RollingUpdate?.MaxSurge, wanted, isUp: true)));
        if (now.Spec.Strategy.Type == "Recreate") return;
        // What must stay ready counts from when it once was all ready; a new number of replicas can only lower it until then.
        // One that has a budget is touched by evictions only.
        var least = wanted - Part(_budgets.Values.FirstOrDefault(b => b.Metadata.Name == now.Metadata.Name)?.Spec.MaxUnavailable ?? now.Spec.Strategy.RollingUpdate?.MaxUnavailable, wanted, isUp: false);
        if (old?.Spec.Replicas != now.Spec.Replicas && _floors.TryGetValue(now.Metadata.Uid, out var floor)) _floors[now.Metadata.Uid] = Math.Min(floor, least);
        if (Ready(now.Metadata.Uid) >= wanted && now.Status?.ObservedGeneration == now.Metadata.Generation && now.Status?.AvailableReplicas == wanted && now.Status?.UpdatedReplicas == wanted && now.Status?.Replicas == wanted)
            _floors[now.Metadata.Uid] = least;
    }

    private void SeeReadiness(V1OwnerReference set)
    {
        if (DeploymentOf(set) is not { } deployment || deployment.IsBeingDeleted() || !_floors.TryGetValue(deployment.Metadata.Uid, out var floor)) return;
        if (Ready(deployment.Metadata.Uid) is var ready && ready < floor) Say($"{deployment.Metadata.Name} has {ready} ready Pods, {floor} must be");
    }

    private int Ready(string deployment) => _sets.Values.Where(s => s.IsControlledBy(deployment)).Sum(s => _pods.Values.Count(p => p.IsControlledBy(s.Metadata.Uid) && p.IsActive() && p.IsReady()));

    private V1Deployment? DeploymentOf(V1OwnerReference set) =>
        _sets.Values.FirstOrDefault(s => s.Metadata.Uid == set.Uid)?.ControllerRef() is { } owner ? _deployments.Values.FirstOrDefault(d => d.Metadata.Uid == owner.Uid) : null;

    private void Say(string wrong) => Verdict ??= $"at {time.GetUtcNow():HH:mm:ss.fff}: {wrong}";

    private static T? Keep<T>(Dictionary<string, T> all, in StoreEvent change) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        if (change.IsDelete)
        {
            all.Remove(change.Key);
            return null;
        }
        return all[change.Key] = ModelJson.Read<T>(change.Value.Span);
    }

    private static int Part(IntOrString? share, int of, bool isUp)
    {
        if (share?.ToString() is not { } text) return 0;
        if (!text.EndsWith('%')) return int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
        var hundredths = int.Parse(text[..^1], System.Globalization.CultureInfo.InvariantCulture) * of;
        return isUp ? (hundredths + 99) / 100 : hundredths / 100;
    }

    private static string NodeOf(V1Pod pod) =>
        pod.Spec.NodeName ?? pod.Spec.Affinity?.NodeAffinity?.RequiredDuringSchedulingIgnoredDuringExecution?.NodeSelectorTerms?[0].MatchFields?[0].Values[0] ?? "";

    private static NamespacedName Name(V1Pod pod) => pod.NamespacedName();
}
