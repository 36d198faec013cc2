using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>KubeSchedulerConfiguration, DynamicResourcesArgs: how long devices are looked for on one node, and how long drivers may take before a Pod is bound.</summary>
internal sealed class DynamicResourcesArgs
{
    public TimeSpan FilterTimeout { get; init; } = TimeSpan.FromSeconds(10);
    public TimeSpan BindingTimeout { get; init; } = TimeSpan.FromSeconds(600);
}

/// <summary>Devices that a Pod's ResourceClaims ask for must be free and reachable from the node; the claims are allocated before the Pod is bound. KEP-4381. So are those of the
/// extended resources that the node does not offer and a DeviceClass does: KEP-5004.</summary>
internal sealed class DynamicResources(DeviceView devices, IKubeClient client, TimeProvider time, DynamicResourcesArgs args) : IFilterPlugin, IScorePlugin, IReservingPlugin
{
    private static readonly FilterResult NotAvailable = FilterResult.Unresolvable("resourceclaim not available on the node");
    private static readonly FilterResult LeftOver = FilterResult.Unresolvable("cannot schedule extended resource claim");
    private static readonly FilterResult NotOffered = FilterResult.Unresolvable("cannot fit resource");

    private readonly DeviceSelectors _selectors = new();

    public string Name => "DynamicResources";

    public ChangeKinds MayHelp => ChangeKinds.NodeAdded | ChangeKinds.NodeLabels | ChangeKinds.NodeAllocatable | ChangeKinds.ResourceClaimAdded | ChangeKinds.ResourceClaimChanged
        | ChangeKinds.ResourceClaimRemoved | ChangeKinds.PodResourceClaims | ChangeKinds.DeviceClassChanged | ChangeKinds.DevicesChanged;

    /// <summary>False: a claim of the Pod is not there yet; it need not be looked at before it is.</summary>
    public bool HasAllClaims(PodInfo pod)
    {
        foreach (var wanted in pod.Pod.Spec.ResourceClaims ?? [])
            if (Find(pod, wanted, out var refusal) is null && refusal is not null) return false;
        return true;
    }

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        var served = devices.ClassesOf(pod.Requests);
        if (pod.Pod.Spec.ResourceClaims is not { Count: > 0 } && served is null) return Preparation.Skip;
        List<DeviceClaim> claims = [];
        foreach (var one in pod.Pod.Spec.ResourceClaims ?? [])
        {
            if (Find(pod, one, out var refusal) is not { } claim)
            {
                if (refusal is not null) return Preparation.Refuse(refusal);
                continue;
            }
            if (claim.Allocation is null)
            {
                if (devices.IsPromised(claim.Uid)) return Preparation.Refuse($"resource claim {claim.Namespace}/{claim.Name} is in the process of being allocated");
                foreach (var request in claim.Requests.SelectMany(r => r))
                    if (!devices.HasClass(request.ClassName)) return Preparation.Refuse($"request {request.Name}: device class {request.ClassName} does not exist");
            }
            claims.Add(claim);
        }
        if (claims.Count == 0 && served is null) return Preparation.Skip;
        var leftOver = served is null ? null : devices.FindOfExtendedResources(pod.Uid);
        var allocator = served is null && claims.TrueForAll(c => c.Allocation is not null) ? null : devices.Allocator(_selectors);
        return new(new ForPod(pod, claims, served, leftOver, allocator, args, time));
    }

    /// <summary>What the filter has allocated is what is scored.</summary>
    public INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster) => null;

    public bool Helps(PodInfo pod, in ClusterChange change)
    {
        // A claim that got free may free devices for any Pod; one that got allocated or changed matters to those that use it.
        if (change.Kind is ChangeKinds.ResourceClaimAdded or ChangeKinds.ResourceClaimChanged or ChangeKinds.ResourceClaimRemoved)
        {
            var (old, now) = (change.Old as DeviceClaim, change.New as DeviceClaim);
            if (old?.Allocation is not null && now?.Allocation is null) return true;
            if ((now ?? old) is not { } claim || claim.Namespace != pod.Name.Namespace) return false;
            if (old is not null && now is not null && JsonNode.DeepEquals(old.Tree["status"], now.Tree["status"])) return false;
            return ClaimNames.Of(pod.Pod).Contains(claim.Name) || (claim.IsOfExtendedResources && claim.OwnerUid == pod.Uid);
        }
        return change.New is not PodInfo changed || changed.Uid == pod.Uid;
    }

    public IReservation? Reserve(PodInfo pod, INodeFilter filter, NodeInfo node)
    {
        if (filter is not ForPod prepared) return null;
        var reserved = prepared.Reserved(node);
        if (!reserved.Any(r => r.Allocation is not null || !r.Claim.IsReservedFor(pod.Uid) || r.Claim.HasBindingConditions)) return null;
        foreach (var one in reserved)
            if (one.Allocation is not null) devices.Promise(one.Claim.Uid, one.Allocation);
        return new ClaimReservation(reserved, pod, node.Name, client, devices, args.BindingTimeout, time);
    }

    /// <summary>A claim that only this Pod uses (or nobody) and that keeps it off some node: without its devices the Pod may find others. The claim of its extended resources from
    /// an earlier try is of no use any more: what it was given may not be what the Pod would get now.</summary>
    /// <returns>The claim to free, or null; and upstream's words for what comes of it.</returns>
    public static (DeviceClaim? Claim, string Message) ToFree(PodInfo pod, INodeFilter? filter)
    {
        if (filter is not ForPod prepared) return (null, "no new claims to deallocate");
        if (prepared.Unavailable.FirstOrDefault(c => c.ConsumerCount == 0 || (c.ConsumerCount == 1 && c.IsReservedFor(pod.Uid))) is { } claim) return (claim, "deallocation of ResourceClaim completed");
        return prepared.LeftOver is { } left ? (left, "deletion of ResourceClaim completed") : (null, "still not schedulable");
    }

    /// <summary>Gives up the devices of a claim that nobody uses.</summary>
    public async Task FreeAsync(DeviceClaim claim, CancellationToken cancel)
    {
        if (claim.IsOfExtendedResources)
        {
            await ClaimReservation.DeleteAsync(client, new NamespacedName(claim.Namespace, claim.Name), cancel);
            return;
        }
        var tree = claim.Tree.DeepClone().AsObject();
        foreach (var field in (string[])["allocation", "reservedFor", "devices"]) tree["status"]!.AsObject().Remove(field);
        // The version goes along: whoever reserved the claim meanwhile keeps it.
        await client.UpdateAsync(Resources.ResourceClaims, tree, "status", cancel);
    }

    /// <param name="refusal">Null: there is the claim, or none is needed.</param>
    private DeviceClaim? Find(PodInfo pod, V1PodResourceClaim wanted, out string? refusal)
    {
        refusal = $"pod \"{pod.Name}\": ResourceClaim not created yet";
        if (!ClaimNames.TryGet(pod.Pod, wanted, out var name)) return null;
        refusal = null;
        if (name is null) return null;
        if (devices.Find(new(pod.Name.Namespace, name)) is not { } claim) refusal = $"resourceclaim.resource.k8s.io \"{name}\" not found";
        else if (claim.IsLeaving) refusal = $"resourceclaim \"{name}\" is being deleted";
        else if (wanted.ResourceClaimName is null && claim.OwnerUid != pod.Uid) refusal = $"ResourceClaim {claim.Namespace}/{name} was not created for Pod {pod.Name} (Pod is not owner)";
        else return claim;
        return null;
    }

    private sealed class ForPod(
        PodInfo pod, IReadOnlyList<DeviceClaim> claims, Dictionary<string, DeviceClass>? served, DeviceClaim? leftOver, DeviceAllocator? allocator, DynamicResourcesArgs args, TimeProvider time)
        : INodeFilter, INodeScore
    {
        private const int AlternativesMax = 8;

        private readonly V1NodeSelector?[] _places = [.. claims.Select(c => c.Allocation?["nodeSelector"] is JsonObject place ? DeviceAllocator.Model(place) : null)];
        private readonly bool _hasAlternatives = claims.Any(c => c.Requests.Any(r => r.Count > 0 && r[0].Name.Contains('/')));
        private readonly Dictionary<string, OnNode> _onNode = new(StringComparer.Ordinal);
        private readonly Dictionary<string, (DeviceClaim Claim, JsonArray Mappings)> _extended = new(StringComparer.Ordinal);     // by the resources it stands for
        private readonly List<DeviceClaim> _unavailable = [];

        public DeviceClaim? LeftOver => leftOver;

        /// <summary>Allocated claims that kept the Pod off a node.</summary>
        public IReadOnlyList<DeviceClaim> Unavailable => _unavailable;

        public FilterResult Filter(NodeInfo node)
        {
            if (leftOver is not null) return DynamicResources.LeftOver;
            var found = On(node);
            if (!found.Refusal.DoesFit) return found.Refusal;
            var isAvailable = true;
            for (var i = 0; i < claims.Count; i++)
            {
                var claim = claims[i];
                if (claim.Allocation is null) continue;
                // Devices whose drivers are still at work are waited for once the Pod has its node.
                _ = claim.IsReady(time.GetUtcNow(), args.BindingTimeout, out var failure);
                if (failure is null && (_places[i] is not { } place || NodeSelection.Matches(place, node.Node))) continue;
                isAvailable = false;
                if (!_unavailable.Contains(claim)) _unavailable.Add(claim);
            }
            return isAvailable ? FilterResult.Fits : NotAvailable;
        }

        /// <summary>Of alternatives the earlier are preferred.</summary>
        public long Score(NodeInfo node)
        {
            if (!_hasAlternatives || !_onNode.TryGetValue(node.Name, out var found) || found.Claims is null) return 0;
            long score = 0;
            foreach (var one in found.Claims)
            {
                var taken = ((one.Allocation ?? one.Claim.Allocation)?["devices"]?["results"] as JsonArray ?? []).Select(r => (string?)r?["request"]).ToHashSet(StringComparer.Ordinal);
                foreach (var alternatives in one.Claim.Requests)
                    for (var i = 0; i < alternatives.Count; i++)
                        if (alternatives[i].Name.Contains('/') && taken.Contains(alternatives[i].Name)) score += AlternativesMax - i;
            }
            return score;
        }

        public void Normalize(Span<long> scores) => INodeScore.ByHighest(scores, isReverse: false);

        public IReadOnlyList<ReservedClaim> Reserved(NodeInfo node) => On(node).Claims ?? throw new SchedulingException("claim allocation not found for node");

        private OnNode On(NodeInfo node)
        {
            if (!_onNode.TryGetValue(node.Name, out var known)) _onNode.Add(node.Name, known = Look(node));
            return known;
        }

        private OnNode Look(NodeInfo node)
        {
            List<DeviceClaim> wanted = [.. claims.Where(c => c.Allocation is null)];
            if (!TryExtend(node, out var extended)) return new(NotOffered, null);
            if (extended is { } more) wanted.Add(more.Claim);
            var refusal = "";
            var allocations = wanted.Count == 0 ? [] : allocator!.Allocate(node, wanted, args.FilterTimeout, out refusal);
            if (allocations is null) return new(FilterResult.Unresolvable(refusal), null);
            var next = 0;
            List<ReservedClaim> all = [.. claims.Select(c => new ReservedClaim(c, c.Allocation is null ? allocations[next++] : null))];
            if (extended is { } own) all.Add(new(own.Claim, allocations[next], own.Mappings));
            return new(FilterResult.Fits, all);
        }

        /// <summary>What the node offers itself is NodeResourcesFit's; the rest needs devices.</summary>
        /// <returns>False: nobody offers one of them, and NodeResourcesFit was told not to look at it.</returns>
        private bool TryExtend(NodeInfo node, out (DeviceClaim Claim, JsonArray Mappings)? claim)
        {
            claim = null;
            if (served is null) return true;
            Dictionary<string, DeviceClass>? needed = null;
            foreach (var (resource, amount) in pod.Requests.Scalars ?? [])
            {
                if (amount == 0 || !resource.Contains('/')) continue;
                if (served.TryGetValue(resource, out var ofClass))
                {
                    if (node.Allocatable[resource] == 0) (needed ??= new(StringComparer.Ordinal)).Add(resource, ofClass);
                }
                else if (node.Allocatable.Scalars?.ContainsKey(resource) != true) return false;
            }
            if (needed is null) return true;
            var key = string.Join(' ', needed.Keys.Order(StringComparer.Ordinal));
            if (!_extended.TryGetValue(key, out var made)) _extended.Add(key, made = ExtendedResources.ClaimFor(pod.Pod, needed));
            claim = made;
            return true;
        }
    }

    /// <param name="refusal">Why the Pod's claims cannot all be had on a node.</param>
    /// <param name="claims">What they get there; null: nothing.</param>
    private sealed class OnNode(FilterResult refusal, IReadOnlyList<ReservedClaim>? claims)
    {
        public FilterResult Refusal => refusal;
        public IReadOnlyList<ReservedClaim>? Claims => claims;
    }
}
