using Bramble.Api.Naming;
using Microsoft.Extensions.Logging;

namespace Bramble.Controllers;

internal static partial class ControllersLog
{
    [LoggerMessage(4101, LogLevel.Warning, "{Controller}: {Name}: {Why}. Trying again in {Delay}.")]
    public static partial void ReconcileFailed(ILogger logger, string controller, NamespacedName name, string why, TimeSpan delay);

    [LoggerMessage(4102, LogLevel.Error, "{Controller}: {Name} failed unexpectedly; report this as a bug. Trying again in {Delay}.")]
    public static partial void ReconcileBroke(ILogger logger, string controller, NamespacedName name, TimeSpan delay, Exception error);

    [LoggerMessage(4103, LogLevel.Information, "Node {Node} is {State}: its heartbeat is {Age} old")]
    public static partial void NodeState(ILogger logger, string node, string state, TimeSpan age);

    [LoggerMessage(4104, LogLevel.Warning, "Node {Node} gets no pod network: the cluster range {Range} has no free block of /{MaskSize}. Use a larger --cluster-cidr.")]
    public static partial void NoFreePodCidr(ILogger logger, string node, string range, int maskSize);

    [LoggerMessage(4105, LogLevel.Information, "Pod {Name} evicted from {Node}: {Taint} is not tolerated any longer")]
    public static partial void PodEvicted(ILogger logger, NamespacedName name, string node, string taint);

    [LoggerMessage(4106, LogLevel.Warning, "Events of {Pod} are not repeated at its volume any longer: {Why}")]
    public static partial void RecyclerEventsLost(ILogger logger, NamespacedName pod, string why);
}
