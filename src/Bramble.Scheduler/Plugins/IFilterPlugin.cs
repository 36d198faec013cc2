using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Plugins;

/// <summary>Whether a Pod fits a node, and upstream's words for why not. Unresolvable: removing other Pods would not help.</summary>
/// <remarks>The reasons of a rule are made once, so that refusing a node allocates nothing.</remarks>
internal readonly record struct FilterResult(string[]? Reasons, bool IsUnresolvable)
{
    public static readonly FilterResult Fits;

    public bool DoesFit => Reasons is null;

    public static FilterResult Unschedulable(params string[] reasons) => new(reasons, false);

    public static FilterResult Unresolvable(params string[] reasons) => new(reasons, true);
}

/// <summary>What a rule says about a Pod before any node is looked at.</summary>
/// <param name="Filter">Looks at each node; null: nothing to look at.</param>
/// <param name="Refusal">The Pod fits nowhere.</param>
/// <param name="OnlyNodes">Null: all; else the names of the only nodes worth a look.</param>
internal readonly record struct Preparation(INodeFilter? Filter, FilterResult Refusal = default, IReadOnlySet<string>? OnlyNodes = null)
{
    /// <summary>The rule has nothing to say about this Pod.</summary>
    public static readonly Preparation Skip;

    public static Preparation Refuse(string reason) => new(null, FilterResult.Unresolvable(reason));
}

/// <summary>One rule that a node must meet.</summary>
internal interface IFilterPlugin
{
    string Name { get; }

    /// <summary>Changes after which a Pod that this rule refused is worth another look.</summary>
    ChangeKinds MayHelp { get; }

    /// <summary>What the rule knows of the Pod and the whole cluster, worked out once before the nodes are looked at.</summary>
    Preparation Prepare(PodInfo pod, ClusterState cluster);

    /// <summary>Whether just this change (of a kind in <see cref="MayHelp"/>) could help just this Pod.</summary>
    bool Helps(PodInfo pod, in ClusterChange change) => true;
}

/// <summary>A rule with one Pod in mind. Filtering allocates nothing.</summary>
internal interface INodeFilter
{
    FilterResult Filter(NodeInfo node);

    /// <summary>As if the other Pod were on the node too; the node's own counts are changed by the caller.</summary>
    void Add(PodInfo other, NodeInfo node)
    {
    }

    /// <summary>As if the other Pod were not on the node.</summary>
    void Remove(PodInfo other, NodeInfo node)
    {
    }

    /// <summary>A copy that <see cref="Add"/> and <see cref="Remove"/> may change; itself where they change nothing.</summary>
    INodeFilter Copy() => this;
}

/// <summary>A rule that has something to write before a Pod is bound: volumes, devices.</summary>
internal interface IReservingPlugin
{
    /// <param name="filter">What <see cref="IFilterPlugin.Prepare"/> made for the Pod.</param>
    /// <returns>Null: nothing to do.</returns>
    /// <exception cref="SchedulingException">What the filter saw is not so any more.</exception>
    IReservation? Reserve(PodInfo pod, INodeFilter filter, NodeInfo node);
}

/// <summary>What is kept for a Pod until it is bound. Reserving and reverting happen under the scheduler's lock; writing does not.</summary>
internal interface IReservation
{
    /// <summary>Name of the rule, for messages.</summary>
    string Plugin { get; }

    /// <summary>Writes and waits until the rest of the cluster has done its part.</summary>
    Task WriteAsync(BindingReport report, CancellationToken cancel);

    /// <summary>The Pod is bound: what was kept for it shows, or will.</summary>
    void Fulfilled();

    /// <summary>The Pod is not bound: others may have it.</summary>
    void Revert();

    /// <summary>Takes back what was written, after <see cref="Revert"/>; what cannot be, the Pod's next try finds.</summary>
    Task UndoAsync(CancellationToken cancel) => Task.CompletedTask;
}

/// <summary>A Pod could not be scheduled for a reason that is not about nodes.</summary>
internal sealed class SchedulingException(string message) : Exception(message);
