using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>Devices that a Pod's ResourceClaims ask for must be free and reachable from the node; the claims are allocated before the Pod is bound. KEP-4381.</summary>
internal sealed class DynamicResources(DeviceView devices, IKubeClient client, TimeProvider time) : IFilterPlugin, IReservingPlugin
{
    private static readonly FilterResult NotAvailable = FilterResult.Unresolvable("resourceclaim not available on the node");
    private static readonly FilterResult NotAllocatable = FilterResult.Unresolvable("cannot allocate all claims");

    private readonly DeviceSelectors _selectors = new();

    public string Name => "DynamicResources";

    public ChangeKinds MayHelp => ChangeKinds.NodeAdded | ChangeKinds.NodeLabels | ChangeKinds.NodeAllocatable | ChangeKinds.ResourceClaimAdded | ChangeKinds.ResourceClaimChanged
        | ChangeKinds.ResourceClaimRemoved | ChangeKinds.PodResourceClaims | ChangeKinds.DeviceClassChanged | ChangeKinds.DevicesChanged;

    /// <summary>False: a claim of the Pod is not there yet; it need not be looked at before it is.</summary>
    public bool HasAllClaims(PodInfo pod)
    {
        foreach (var wanted in pod.Pod.Spec.ResourceClaims ?? [])
        {
            if (!ClaimNames.TryGet(pod.Pod, wanted, out var name)) return false;
            if (name is not null && (devices.Find(new(pod.Name.Namespace, name)) is not { } claim || claim.IsLeaving)) return false;
        }
        return true;
    }

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        if (pod.Pod.Spec.ResourceClaims is not { Count: > 0 } wanted) return Preparation.Skip;
        List<DeviceClaim> allocated = [], missing = [];
        foreach (var one in wanted)
        {
            if (!ClaimNames.TryGet(pod.Pod, one, out var name)) return Preparation.Refuse($"pod claim {one.Name}: resource claim not created yet");
            if (name is null) continue;
            if (devices.Find(new(pod.Name.Namespace, name)) is not { } claim) return Preparation.Refuse($"resourceclaim.resource.k8s.io \"{name}\" not found");
            if (claim.IsLeaving) return Preparation.Refuse($"resourceclaim \"{name}\" is being deleted");
            if (claim.Allocation is not null)
            {
                if (claim.ConsumerCount >= DeviceClaim.ConsumersMax && !claim.IsReservedFor(pod.Uid)) return Preparation.Refuse("resourceclaim in use");
                allocated.Add(claim);
                continue;
            }
            if (devices.IsPromised(claim.Uid)) return Preparation.Refuse($"resource claim {pod.Name.Namespace}/{name} is in the process of being allocated");
            foreach (var request in claim.Requests.SelectMany(r => r))
                if (!devices.HasClass(request.ClassName)) return Preparation.Refuse($"request {request.Name}: device class {request.ClassName} does not exist");
            missing.Add(claim);
        }
        return allocated.Count + missing.Count == 0 ? Preparation.Skip : new(new ForPod(allocated, missing, missing.Count == 0 ? null : devices.Allocator(_selectors)));
    }

    public bool Helps(PodInfo pod, in ClusterChange change)
    {
        // A claim that got free may free devices for any Pod; one that got allocated or changed matters to those that use it.
        if (change.Kind is ChangeKinds.ResourceClaimAdded or ChangeKinds.ResourceClaimChanged or ChangeKinds.ResourceClaimRemoved)
        {
            if (change is { Old: DeviceClaim { Allocation: not null }, New: null or DeviceClaim { Allocation: null } }) return true;
            return (change.New ?? change.Old) is DeviceClaim claim && claim.Namespace == pod.Name.Namespace
                && (pod.Pod.Spec.ResourceClaims ?? []).Any(c => ClaimNames.TryGet(pod.Pod, c, out var name) && name == claim.Name);
        }
        return change.New is not PodInfo changed || changed.Uid == pod.Uid;
    }

    public IReservation? Reserve(PodInfo pod, INodeFilter filter, NodeInfo node)
    {
        if (filter is not ForPod prepared) return null;
        var allocations = prepared.Allocate(node) ?? throw new SchedulingException("cannot allocate all claims");
        var claims = new List<(DeviceClaim, JsonObject?)>();
        foreach (var claim in prepared.Allocated)
            if (!claim.IsReservedFor(pod.Uid)) claims.Add((claim, null));
        for (var i = 0; i < prepared.Missing.Count; i++)
        {
            claims.Add((prepared.Missing[i], allocations[i]));
            devices.Promise(prepared.Missing[i].Uid, allocations[i]);
        }
        return claims.Count == 0 ? null : new ClaimReservation(claims, pod, client, devices, time);
    }

    /// <summary>A claim that only this Pod uses (or nobody) and that keeps it off some node: without its devices the Pod may find others.</summary>
    /// <returns>The claim to free, or null; and upstream's words for what comes of it.</returns>
    public static (DeviceClaim? Claim, string Message) ToFree(PodInfo pod, INodeFilter? filter, ClusterState cluster)
    {
        if (filter is not ForPod prepared) return (null, "no new claims to deallocate");
        var claim = prepared.Allocated.FirstOrDefault(c => (c.ConsumerCount == 0 || (c.ConsumerCount == 1 && c.IsReservedFor(pod.Uid)))
            && c.Allocation!["nodeSelector"] is JsonObject place && DeviceAllocator.Model(place) is var selector && cluster.Nodes.Any(n => !NodeSelection.Matches(selector, n.Node)));
        return claim is null ? (null, "still not schedulable") : (claim, "deallocation of ResourceClaim completed");
    }

    /// <summary>Gives up the devices of a claim that nobody uses.</summary>
    public async Task FreeAsync(DeviceClaim claim, CancellationToken cancel)
    {
        var tree = claim.Tree.DeepClone().AsObject();
        foreach (var field in (string[])["allocation", "reservedFor", "devices"]) tree["status"]!.AsObject().Remove(field);
        // The version goes along: whoever reserved the claim meanwhile keeps it.
        await client.UpdateAsync(Resources.ResourceClaims, tree, "status", cancel);
    }

    private sealed class ForPod(IReadOnlyList<DeviceClaim> allocated, IReadOnlyList<DeviceClaim> missing, DeviceAllocator? allocator) : INodeFilter
    {
        private readonly V1NodeSelector[] _places = [.. allocated.Select(c => c.Allocation!["nodeSelector"]).OfType<JsonObject>().Select(DeviceAllocator.Model)];
        private readonly Dictionary<string, IReadOnlyList<JsonObject>?> _allocations = new(StringComparer.Ordinal);

        public IReadOnlyList<DeviceClaim> Allocated => allocated;
        public IReadOnlyList<DeviceClaim> Missing => missing;

        public FilterResult Filter(NodeInfo node)
        {
            foreach (var place in _places)
                if (!NodeSelection.Matches(place, node.Node)) return NotAvailable;
            return Allocate(node) is null ? NotAllocatable : FilterResult.Fits;
        }

        /// <summary>What the claims without devices get on the node; null: not all of them get some.</summary>
        public IReadOnlyList<JsonObject>? Allocate(NodeInfo node)
        {
            if (allocator is null) return [];
            if (!_allocations.TryGetValue(node.Name, out var known)) _allocations.Add(node.Name, known = allocator.Allocate(node, missing));
            return known;
        }
    }
}
