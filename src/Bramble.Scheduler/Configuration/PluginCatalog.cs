using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using Bramble.Scheduler.Volumes;
using k8s.Models;

namespace Bramble.Scheduler.Configuration;

/// <summary>All plugins there are: a new one is its file, its test, and a line in each list here that it belongs to.</summary>
internal static class PluginCatalog
{
    /// <summary>The default profile, in upstream's order. The weight counts where the plugin scores.</summary>
    public static readonly IReadOnlyList<(string Name, int Weight)> Default =
    [
        ("SchedulingGates", 0), ("PrioritySort", 0), ("NodeUnschedulable", 0), ("NodeName", 0), ("TaintToleration", 3), ("NodeAffinity", 2), ("NodePorts", 0), ("NodeResourcesFit", 1),
        ("VolumeRestrictions", 0), ("NodeVolumeLimits", 0), ("VolumeBinding", 0), ("VolumeZone", 0), ("PodTopologySpread", 2), ("InterPodAffinity", 2), ("DynamicResources", 2),
        ("DefaultPreemption", 0), ("NodeResourcesBalancedAllocation", 1), ("ImageLocality", 1), ("DefaultBinder", 0),
        ("NodeDeclaredFeatures", 0),
    ];

    public static readonly IReadOnlySet<string> Filters = new HashSet<string>(StringComparer.Ordinal)
    {
        "NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit", "VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding", "VolumeZone",
        "PodTopologySpread", "InterPodAffinity", "DynamicResources", "NodeDeclaredFeatures",
    };

    public static readonly IReadOnlySet<string> Scores = new HashSet<string>(StringComparer.Ordinal)
    {
        "TaintToleration", "NodeAffinity", "NodeResourcesFit", "PodTopologySpread", "InterPodAffinity", "DynamicResources", "NodeResourcesBalancedAllocation", "ImageLocality",
    };

    public static readonly IReadOnlySet<string> PostFilters = new HashSet<string>(StringComparer.Ordinal) { "DynamicResources", "DefaultPreemption" };
}

/// <summary>What plugins are made of: informers that all profiles share.</summary>
internal sealed class PluginParts(IKubeClient client, IInformers informers, TimeProvider time) : INamespaceLabels
{
    private readonly StorageView _storage = new(informers);
    private readonly VolumePromises _promises = new();
    private readonly DeviceView _devices = new(informers, time);
    private readonly IInformer<V1Namespace> _namespaces = informers.For(Resources.Namespaces);
    private readonly IInformer<V1Service> _services = informers.For(Resources.Services);
    private readonly IInformer<V1ReplicationController> _controllers = informers.For(Resources.ReplicationControllers);
    private readonly IInformer<V1ReplicaSet> _replicaSets = informers.For(Resources.ReplicaSets);
    private readonly IInformer<V1StatefulSet> _statefulSets = informers.For(Resources.StatefulSets);

    public Task Synced => Task.WhenAll(_storage.Synced, _devices.Synced, _namespaces.Synced, _services.Synced, _controllers.Synced, _replicaSets.Synced, _statefulSets.Synced);

    public IReadOnlyList<IDisposable> Follow(Action<ClusterChange> happened) => [.. _storage.Follow(happened), .. _devices.Follow(happened)];

    /// <summary>With the usual settings; all allocate from the same devices.</summary>
    public DynamicResources DynamicResources => new(_devices, client, time, new DynamicResourcesArgs());

    public IDictionary<string, string>? Of(string ns) => _namespaces.Find(new NamespacedName("", ns))?.Metadata.Labels;

    public object Make(string name, PluginSettings settings) => name switch
    {
        "NodeUnschedulable" => new NodeUnschedulable(),
        "NodeName" => new NodeName(),
        "TaintToleration" => new TaintToleration(),
        "NodeAffinity" => new NodeAffinity(settings.AddedAffinity),
        "NodePorts" => new NodePorts(),
        "NodeResourcesFit" => new NodeResourcesFit(settings.Fit, _devices),
        "VolumeRestrictions" => new VolumeRestrictions(_storage),
        "NodeVolumeLimits" => new NodeVolumeLimits(_storage),
        "VolumeBinding" => new VolumeBinding(_storage, client, time, _promises, settings.BindTimeout),
        "VolumeZone" => new VolumeZone(_storage),
        "PodTopologySpread" => new PodTopologySpread(Defaults(settings)),
        "InterPodAffinity" => new InterPodAffinity(this, settings.RequiredAffinityWeight, settings.IgnoresPreferencesOfOthers),
        "DynamicResources" => new DynamicResources(_devices, client, time, settings.Devices),
        "NodeResourcesBalancedAllocation" => new NodeResourcesBalancedAllocation(settings.Balanced, _devices),
        "ImageLocality" => new ImageLocality(),
        "NodeDeclaredFeatures" => new NodeDeclaredFeatures(),
        _ => throw new InvalidOperationException($"no plugin {name}"),
    };

    private SpreadDefaults Defaults(PluginSettings settings)
    {
        var defaults = new SpreadDefaults(settings.DefaultConstraints, _services, _controllers, _replicaSets, _statefulSets);
        defaults.Index();
        return defaults;
    }
}
