using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>CPU, memory, disk, devices and the number of Pods must suffice; of the nodes where they do the strategy prefers emptier or fuller ones. An extended resource that a node
/// does not offer and a DeviceClass does is left to <see cref="DynamicResources"/>.</summary>
internal sealed class NodeResourcesFit(NodeResourcesFitArgs? args = null, DeviceView? devices = null) : IFilterPlugin, IScorePlugin
{
    private readonly NodeResourcesFitArgs _args = args ?? new();
    private readonly (string Resource, long Weight)[] _scored = ScoringStrategy.Scored((args ?? new()).Strategy.Resources);

    public string Name => "NodeResourcesFit";
    public ChangeKinds MayHelp => ChangeKinds.NodeAdded | ChangeKinds.NodeAllocatable | ChangeKinds.PodRemoved | ChangeKinds.PodScaledDown | ChangeKinds.DeviceClassChanged;

    public Preparation Prepare(PodInfo pod, ClusterState cluster) => new(new ForPod(pod.Requests, _args, Served(pod)));

    public INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster) =>
        new Preference(pod, _args.Strategy, _scored, DeviceTotals.Of(devices, pod.Requests, _scored));

    public bool Helps(PodInfo pod, in ClusterChange change)
    {
        if (change.New is V1Node node)
        {
            var now = ResourceAmounts.Of(node.Status?.Allocatable);
            var served = Served(pod);
            if (!WouldFit(pod.Requests, now, served)) return false;
            return change.Old is not V1Node before || HasMore(pod.Requests, ResourceAmounts.Of(before.Status?.Allocatable), now) || served?.Keys.Any(name => now[name] == 0) == true;
        }
        if (change.New is DeviceClass ofClass)
        {
            if (change.Old is null && pod.Requests[ofClass.ImplicitResource] > 0) return true;
            return ofClass.ExtendedResource is { } named && pod.Requests[named] > 0 && (change.Old as DeviceClass)?.ExtendedResource != named;
        }
        if (change is not { Old: PodInfo old, New: PodInfo changed }) return true;
        return changed.Uid == pod.Uid || HasMore(pod.Requests, changed.Requests, old.Requests);
    }

    private Dictionary<string, DeviceClass>? Served(PodInfo pod) => pod.Requests.Scalars is null ? null : devices?.ClassesOf(pod.Requests);

    private static bool WouldFit(ResourceAmounts wanted, ResourceAmounts allocatable, Dictionary<string, DeviceClass>? served)
    {
        if (allocatable.PodCount < 1 || wanted.CpuMillicores > allocatable.CpuMillicores || wanted.MemoryBytes > allocatable.MemoryBytes || wanted.EphemeralBytes > allocatable.EphemeralBytes) return false;
        foreach (var (name, amount) in wanted.Scalars ?? [])
            if (amount > allocatable[name] && (allocatable[name] > 0 || served?.ContainsKey(name) != true)) return false;
        return true;
    }

    /// <summary>Something that the Pod asks for is more than before.</summary>
    private static bool HasMore(ResourceAmounts wanted, ResourceAmounts before, ResourceAmounts now)
    {
        if (now.PodCount > before.PodCount
            || (wanted.CpuMillicores > 0 && now.CpuMillicores > before.CpuMillicores)
            || (wanted.MemoryBytes > 0 && now.MemoryBytes > before.MemoryBytes)
            || (wanted.EphemeralBytes > 0 && now.EphemeralBytes > before.EphemeralBytes)) return true;
        foreach (var (name, amount) in wanted.Scalars ?? [])
            if (amount > 0 && now[name] > before[name]) return true;
        return false;
    }

    /// <param name="served">The resources that some DeviceClass serves.</param>
    private sealed class ForPod(ResourceAmounts wanted, NodeResourcesFitArgs args, Dictionary<string, DeviceClass>? served) : INodeFilter
    {
        // The everyday refusals are made once: bit 0 pods, 1 CPU, 2 memory, 3 disk.
        private static readonly string[][] Everyday = [.. Enumerable.Range(0, 16).Select(bits =>
            ((string[])["Too many pods", "Insufficient cpu", "Insufficient memory", "Insufficient ephemeral-storage"]).Where((_, i) => (bits & (1 << i)) != 0).ToArray())];

        public FilterResult Filter(NodeInfo node)
        {
            var (has, used) = (node.Allocatable, node.Requested);
            var bits = node.Pods.Count + 1 > has.PodCount ? 1 : 0;
            // More than the whole node has: no eviction helps.
            var isUnresolvable = false;
            if (IsShort(wanted.CpuMillicores, has.CpuMillicores, used.CpuMillicores, ref isUnresolvable)) bits |= 2;
            if (IsShort(wanted.MemoryBytes, has.MemoryBytes, used.MemoryBytes, ref isUnresolvable)) bits |= 4;
            if (IsShort(wanted.EphemeralBytes, has.EphemeralBytes, used.EphemeralBytes, ref isUnresolvable)) bits |= 8;
            List<string>? special = null;
            if (wanted.Scalars is not null)
                foreach (var (name, amount) in wanted.Scalars)
                    if (!args.IsIgnored(name) && !(has[name] == 0 && served?.ContainsKey(name) == true) && IsShort(amount, has[name], used[name], ref isUnresolvable)) (special ??= []).Add($"Insufficient {name}");
            if (special is not null) return new([.. Everyday[bits], .. special], isUnresolvable);
            return bits == 0 ? FilterResult.Fits : new(Everyday[bits], isUnresolvable);
        }

        private static bool IsShort(long wanted, long has, long used, ref bool isUnresolvable)
        {
            if (wanted <= 0 || wanted <= has - used) return false;
            isUnresolvable |= wanted > has;
            return true;
        }
    }

    private sealed class Preference(PodInfo pod, ScoringStrategy strategy, (string Resource, long Weight)[] resources, DeviceTotals? devices) : INodeScore
    {
        public long Score(NodeInfo node)
        {
            long sum = 0, weights = 0;
            foreach (var (resource, weight) in resources)
            {
                var wanted = pod.AssumedRequests[resource];
                if (wanted == 0 && ResourceAmounts.IsScalar(resource)) continue;
                var (capacity, used) = (node.Allocatable[resource], (resource is ResourceAmounts.Cpu or ResourceAmounts.Memory ? node.AssumedRequested : node.Requested)[resource]);
                if (capacity == 0 && devices is not null) (capacity, used) = devices.On(node, resource);
                if (capacity == 0) continue;
                var score = strategy.ScoreOf(used + wanted, capacity);
                // A ratio that is worth nothing does not count at all, as upstream has it.
                if (strategy.Type == ScoringStrategyType.RequestedToCapacityRatio && score <= 0) continue;
                sum += score * weight;
                weights += weight;
            }
            if (weights == 0) return 0;
            return strategy.Type == ScoringStrategyType.RequestedToCapacityRatio ? (long)Math.Round((double)sum / weights, MidpointRounding.AwayFromZero) : sum / weights;
        }
    }
}
