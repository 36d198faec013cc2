using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Extenders;

/// <summary>Stands for the extenders among the rules that refused a Pod. What could change their minds nobody knows: anything.</summary>
internal sealed class ExtenderRejection : IFilterPlugin
{
    public static readonly ExtenderRejection Instance = new();

    public string Name => "Extender";
    public ChangeKinds MayHelp => ~ChangeKinds.None;

    public Preparation Prepare(PodInfo pod, ClusterState cluster) => Preparation.Skip;
}
