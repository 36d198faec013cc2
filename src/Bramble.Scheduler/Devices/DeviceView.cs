using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Devices;

/// <summary>Claims, classes and slices, each version read once; and what was promised to Pods that are being bound. Thread-safe.</summary>
internal sealed class DeviceView(IInformers informers, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<NamespacedName, DeviceClaim> _claims = [];
    private readonly Dictionary<string, ResourceSlice> _slices = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DeviceClass> _classes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonObject> _promised = new(StringComparer.Ordinal);     // by the uid of the claim
    private readonly DevicesInUse _held = new();                                                  // what the claims say
    private DevicePools? _pools;                                                                  // of the slices, until one changes
    private Dictionary<string, DeviceClass>? _classesNow;                                         // for allocators, until one changes

    private IInformer<KubeObject> Claims { get; } = informers.ForObjects(Resources.ResourceClaims);
    private IInformer<KubeObject> Slices { get; } = informers.ForObjects(Resources.ResourceSlices);
    private IInformer<KubeObject> Classes { get; } = informers.ForObjects(Resources.DeviceClasses);

    public Task Synced => Task.WhenAll(Claims.Synced, Slices.Synced, Classes.Synced);

    public IReadOnlyList<IDisposable> Follow(Action<ClusterChange> happened) =>
    [
        Claims.Subscribe(c => Set(_claims, c.Name, c, DeviceClaim.Of, (old, now) =>
        {
            if (old?.Allocation is { } gone) _held.Remove(gone);
            if (now?.Allocation is { } given) _held.Add(given);
            if (now is { Allocation: null } || (now ?? old) is not { } settled) return;
            _promised.Remove(settled.Uid);
            if (settled.IsOfExtendedResources) _promised.Remove(ExtendedResources.UidInMemory(settled.OwnerUid!));
        }, (old, now) => happened(new(now is null ? ChangeKinds.ResourceClaimRemoved : old is null ? ChangeKinds.ResourceClaimAdded : ChangeKinds.ResourceClaimChanged, old, now)))),
        Slices.Subscribe(c => Set(_slices, c.Name.Name, c, ResourceSlice.Of, (_, _) => _pools = null, (_, now) =>
        {
            if (now is not null) happened(new(ChangeKinds.DevicesChanged, null, now));
        })),
        Classes.Subscribe(c => Set(_classes, c.Name.Name, c, DeviceClass.Of, (_, _) => _classesNow = null, (old, now) =>
        {
            if (now is not null) happened(new(ChangeKinds.DeviceClassChanged, old, now));
        })),
    ];

    public DeviceClaim? Find(NamespacedName name)
    {
        lock (_gate) return _claims.GetValueOrDefault(name);
    }

    public bool HasClass(string name)
    {
        lock (_gate) return _classes.ContainsKey(name);
    }

    /// <summary>The class that serves an extended resource where nodes do not offer it; null: none.</summary>
    public DeviceClass? ClassOf(string resource)
    {
        lock (_gate)
        {
            DeviceClass? found = null;
            foreach (var each in _classes.Values)
            {
                if (each.ImplicitResource == resource) return each;
                if (each.ExtendedResource == resource && (found is null || each.ComesBefore(found))) found = each;
            }
            return found;
        }
    }

    /// <summary>Those of the resources a Pod asks for that some class serves; null: none of them.</summary>
    public Dictionary<string, DeviceClass>? ClassesOf(ResourceAmounts requests)
    {
        Dictionary<string, DeviceClass>? served = null;
        foreach (var (resource, amount) in requests.Scalars ?? [])
            if (amount > 0 && ClassOf(resource) is { } ofClass) (served ??= new(StringComparer.Ordinal)).Add(resource, ofClass);
        return served;
    }

    /// <summary>The claim that was made for a Pod's extended resources, left from an earlier try.</summary>
    public DeviceClaim? FindOfExtendedResources(string podUid)
    {
        lock (_gate)
        {
            foreach (var claim in _claims.Values)
                if (claim.IsOfExtendedResources && claim.OwnerUid == podUid) return claim;
        }
        return null;
    }

    /// <summary>Until the claims are such; looks again whenever one changes.</summary>
    public Task WaitUntilAsync(Func<bool> condition, CancellationToken cancel) => Claims.WaitUntilAsync(condition, cancel);

    /// <summary>As the informer has it, which is told before those that follow.</summary>
    public DeviceClaim? FindNewest(NamespacedName name) => Claims.Find(name)?.ToTree() is { } tree ? DeviceClaim.Of(tree) : null;

    public bool IsPromised(string uid)
    {
        lock (_gate) return _promised.ContainsKey(uid);
    }

    /// <summary>A promise ends when the claim is seen with its devices.</summary>
    /// <param name="allocation">Null: the promise is kept or void.</param>
    public void Promise(string uid, JsonObject? allocation)
    {
        lock (_gate)
            if (allocation is null) _promised.Remove(uid);
            else _promised[uid] = allocation;
    }

    public DeviceAllocator Allocator(DeviceSelectors selectors)
    {
        lock (_gate)
        {
            var held = _held.Copy();
            foreach (var allocation in _promised.Values) held.Add(allocation);
            _pools ??= new DevicePools([.. _slices.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => s.Value)]);
            _classesNow ??= new Dictionary<string, DeviceClass>(_classes, StringComparer.Ordinal);
            return new DeviceAllocator(_pools, _classesNow, held, selectors, time);
        }
    }

    /// <param name="change">What follows from it here, in the same moment.</param>
    /// <param name="tell">What others hear of it, after that.</param>
    private void Set<TKey, TValue>(
        Dictionary<TKey, TValue> map, TKey key, ObjectChange<KubeObject> seen, Func<JsonObject, TValue?> read, Action<TValue?, TValue?> change, Action<TValue?, TValue?> tell)
        where TKey : notnull where TValue : class
    {
        var now = seen.New is null ? null : read(seen.New.ToTree());
        TValue? old;
        lock (_gate)
        {
            map.TryGetValue(key, out old);
            if (now is null) map.Remove(key);
            else map[key] = now;
            change(old, now);
        }
        tell(old, now);
    }
}
