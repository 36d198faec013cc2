using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.Client;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Volumes;

/// <summary>Claims, volumes and classes, and of the CSI objects the few facts that decide. Thread-safe.</summary>
/// <remarks>The CSI kinds are read as trees, each version once: models of kinds that most boards never have would cost every binary.</remarks>
internal sealed class StorageView(IInformers informers)
{
    private const string ClassAnnotation = "volume.beta.kubernetes.io/storage-class";
    private const string BindCompleted = "pv.kubernetes.io/bind-completed";
    private const string ByClass = "volumes/class";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, IReadOnlyDictionary<string, int>> _limits = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _drivers = new(StringComparer.Ordinal);
    private readonly Dictionary<NamespacedName, CsiCapacity> _capacities = [];
    private readonly Dictionary<string, Dictionary<string, CsiAttachment>> _attached = new(StringComparer.Ordinal);     // by node, then by name

    public IInformer<V1PersistentVolumeClaim> Claims { get; } = informers.For(Resources.PersistentVolumeClaims);
    public IInformer<V1PersistentVolume> Volumes { get; } = Indexed(informers.For(Resources.PersistentVolumes));
    public IInformer<V1StorageClass> Classes { get; } = informers.For(Resources.StorageClasses);
    public IInformer<V1Node> Nodes { get; } = informers.For(Resources.Nodes);
    private IInformer<KubeObject> CsiNodes { get; } = informers.ForObjects(Resources.CSINodes);
    private IInformer<KubeObject> CsiDrivers { get; } = informers.ForObjects(Resources.CSIDrivers);
    private IInformer<KubeObject> Capacities { get; } = informers.ForObjects(Resources.CSIStorageCapacities);
    private IInformer<KubeObject> Attachments { get; } = informers.ForObjects(Resources.VolumeAttachments);

    public Task Synced => Task.WhenAll(Claims.Synced, Volumes.Synced, Classes.Synced, Nodes.Synced, CsiNodes.Synced, CsiDrivers.Synced, Capacities.Synced, Attachments.Synced);

    /// <summary>Begins to follow the objects; each change that may help a Pod is told.</summary>
    public IReadOnlyList<IDisposable> Follow(Action<ClusterChange> happened)
    {
        return
        [
        Claims.Subscribe(c => Tell(c, ChangeKinds.ClaimAdded, ChangeKinds.ClaimChanged)),
        Volumes.Subscribe(c => Tell(c, ChangeKinds.VolumeAdded, ChangeKinds.VolumeChanged)),
        Classes.Subscribe(c => Tell(c, ChangeKinds.ClassAdded, ChangeKinds.ClassChanged)),
        CsiNodes.Subscribe(c =>
        {
            var now = c.New is null ? null : Limits(c.New.ToTree());
            var before = Set(_limits, c.Name.Name, now);
            if (now is not null && (before is null || IsMore(before, now))) Tell(c, ChangeKinds.CsiNodeAdded, ChangeKinds.CsiNodeChanged);
        }),
        CsiDrivers.Subscribe(c =>
        {
            bool wasTold, tells = (bool?)c.New?.ToTree()["spec"]?["storageCapacity"] == true;
            lock (_gate)
                if (c.New is null) _drivers.Remove(c.Name.Name, out wasTold);
                else
                {
                    _drivers.TryGetValue(c.Name.Name, out wasTold);
                    _drivers[c.Name.Name] = tells;
                }
            // One that says nothing of its room any more has room for all.
            if (wasTold && !tells) Tell(c, ChangeKinds.None, ChangeKinds.CsiDriverChanged);
        }),
        Capacities.Subscribe(c =>
        {
            var now = c.New is null ? null : CsiCapacity.Of(c.New.ToTree());
            var before = Set(_capacities, c.Name, now);
            if (now?.VolumeBytesMax > (before?.VolumeBytesMax ?? long.MinValue)) Tell(c, ChangeKinds.CapacityAdded, ChangeKinds.CapacityChanged);
        }),
        Attachments.Subscribe(c =>
        {
            Forget(c.Old);
            if (c.New is not null && CsiAttachment.Of(c.New.ToTree()) is { } attachment)
                lock (_gate)
                {
                    if (!_attached.TryGetValue(attachment.Node, out var onNode)) _attached.Add(attachment.Node, onNode = new(StringComparer.Ordinal));
                    onNode[c.Name.Name] = attachment;
                }
            if (c.New is null) happened(new(ChangeKinds.AttachmentRemoved, c.Old, null));
        }),
        ];

        void Tell<T>(ObjectChange<T> change, ChangeKinds added, ChangeKinds changed) where T : class
        {
            if (change.New is not null && (change.Old is null ? added : changed) is not ChangeKinds.None and var kind) happened(new(kind, change.Old, change.New));
        }
    }

    public static string ClassOf(V1PersistentVolumeClaim claim) => Annotation(claim.Metadata, ClassAnnotation) ?? claim.Spec.StorageClassName ?? "";

    public static string ClassOf(V1PersistentVolume volume) => Annotation(volume.Metadata, ClassAnnotation) ?? volume.Spec.StorageClassName ?? "";

    /// <summary>The controller has written its last word on the claim.</summary>
    public static bool IsBound(V1PersistentVolumeClaim claim) => !string.IsNullOrEmpty(claim.Spec.VolumeName) && Annotation(claim.Metadata, BindCompleted) is not null;

    public static string? Annotation(V1ObjectMeta metadata, string name) => metadata.Annotations is { } annotations && annotations.TryGetValue(name, out var value) ? value : null;

    public static bool IsOwnedBy(V1PersistentVolumeClaim claim, V1Pod pod) => claim.Metadata.OwnerReferences?.Any(o => o.Controller == true && o.Uid == pod.Metadata.Uid) == true;

    public V1PersistentVolumeClaim? FindClaim(string ns, string name) => Claims.Find(new(ns, name));

    public V1PersistentVolume? FindVolume(string name) => Volumes.Find(new("", name));

    public IReadOnlyList<V1PersistentVolume> VolumesOfClass(string name) => Volumes.ByIndex(ByClass, name);

    public V1StorageClass? FindClass(string name) => name.Length == 0 ? null : Classes.Find(new("", name));

    /// <summary>How many volumes of each driver the node can have; a driver that says nothing has no limit.</summary>
    public IReadOnlyDictionary<string, int>? LimitsOf(string node)
    {
        lock (_gate) return _limits.GetValueOrDefault(node);
    }

    /// <summary>Attacher and volume of what is attached to the node, or being so.</summary>
    public IReadOnlyList<CsiAttachment> AttachedTo(string node)
    {
        lock (_gate) return _attached.TryGetValue(node, out var onNode) ? [.. onNode.Values] : [];
    }

    /// <summary>Whether the driver could make a volume of this size for the node; true where it does not tell.</summary>
    public bool HasRoom(string driver, string storageClass, long bytes, V1Node node)
    {
        lock (_gate)
        {
            if (!_drivers.GetValueOrDefault(driver)) return true;
            return _capacities.Values.Any(c => c.StorageClass == storageClass && c.VolumeBytesMax >= bytes && c.Topology is not null && c.Topology.Matches(node.Metadata.Labels));
        }
    }

    private static IInformer<V1PersistentVolume> Indexed(IInformer<V1PersistentVolume> volumes)
    {
        volumes.AddIndex(ByClass, volume => [ClassOf(volume)]);
        return volumes;
    }

    /// <returns>What was there before.</returns>
    private TValue? Set<TKey, TValue>(Dictionary<TKey, TValue> map, TKey key, TValue? value) where TKey : notnull where TValue : class
    {
        lock (_gate)
        {
            map.TryGetValue(key, out var before);
            if (value is null) map.Remove(key);
            else map[key] = value;
            return before;
        }
    }

    private void Forget(KubeObject? attachment)
    {
        if (attachment is null || CsiAttachment.Of(attachment.ToTree()) is not { } gone) return;
        lock (_gate)
            if (_attached.TryGetValue(gone.Node, out var onNode) && onNode.Remove(attachment.Name.Name) && onNode.Count == 0) _attached.Remove(gone.Node);
    }

    /// <summary>A driver can attach more than before, or does not say any longer how many.</summary>
    private static bool IsMore(IReadOnlyDictionary<string, int> before, Dictionary<string, int> now)
    {
        foreach (var (driver, limit) in now)
            if (limit > before.GetValueOrDefault(driver)) return true;
        foreach (var driver in before.Keys)
            if (!now.ContainsKey(driver)) return true;
        return false;
    }

    private static Dictionary<string, int> Limits(JsonObject node)
    {
        var limits = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var driver in node["spec"]?["drivers"] as JsonArray ?? [])
            if ((int?)driver?["allocatable"]?["count"] is { } count) limits[(string)driver["name"]!] = count;
        return limits;
    }
}

/// <summary>What a driver can still make in some part of the cluster. KEP-1472.</summary>
internal sealed record CsiCapacity(string StorageClass, PodSelector? Topology, long VolumeBytesMax)
{
    public static CsiCapacity Of(JsonObject tree) => new(
        (string?)tree["storageClassName"] ?? "",
        tree["nodeTopology"] is JsonObject topology ? PodSelector.Of(topology) : null,
        Quantity.TryParse((string?)(tree["maximumVolumeSize"] ?? tree["capacity"]) ?? "", out var size, out _) ? size.ToUnits() : -1);
}

/// <summary>A VolumeAttachment of a persistent volume.</summary>
internal sealed record CsiAttachment(string Node, string Attacher, string Volume)
{
    public static CsiAttachment? Of(JsonObject tree) => (string?)tree["spec"]?["source"]?["persistentVolumeName"] is { } volume
        ? new((string?)tree["spec"]?["nodeName"] ?? "", (string?)tree["spec"]?["attacher"] ?? "", volume)
        : null;
}
