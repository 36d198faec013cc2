using Bramble.Scheduler.Plugins;

namespace Bramble.Scheduler.Queue;

/// <summary>The changes that wake a Pod which a rule refused.</summary>
internal static class WakeUps
{
    /// <summary>As upstream's scheduler, changed taints also wake the Pods of rules that name new nodes and not taints: what is said of why they wait stays true when a node is
    /// cordoned or comes back.</summary>
    public static ChangeKinds Of(IFilterPlugin rule) => (rule.MayHelp & ChangeKinds.NodeAdded) != 0 ? rule.MayHelp | ChangeKinds.NodeTaints : rule.MayHelp;
}
