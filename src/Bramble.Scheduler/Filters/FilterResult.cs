using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Filters;

/// <summary>What in a cluster could make a Pod fit that did not.</summary>
[Flags]
internal enum ClusterEvents
{
    None = 0,
    NodeAdded = 1,
    NodeChanged = 2,
    PodRemoved = 4,
    PodAdded = 8,
    VolumeChanged = 16,
    All = NodeAdded | NodeChanged | PodRemoved | PodAdded | VolumeChanged,
}

/// <summary>Whether a Pod fits a node, and upstream's words for why not. Unresolvable: removing other Pods would not help.</summary>
internal readonly record struct FilterResult(IReadOnlyList<string>? Reasons, bool IsUnresolvable)
{
    public static readonly FilterResult Fits = default;

    public bool DoesFit => Reasons is null;

    public static FilterResult Unschedulable(params string[] reasons) => new(reasons, false);

    public static FilterResult UnschedulableAndUnresolvable(params string[] reasons) => new(reasons, true);
}

/// <summary>One rule that a node must meet.</summary>
internal interface IFilterPlugin
{
    /// <summary>Changes after which a Pod that this rule refused is worth another try.</summary>
    ClusterEvents MayHelp { get; }

    FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster);
}
