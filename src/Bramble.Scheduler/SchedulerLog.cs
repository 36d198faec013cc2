using Bramble.Api.Naming;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler;

internal static partial class SchedulerLog
{
    [LoggerMessage(5101, LogLevel.Warning, "Pod {Name} could not be bound to {Node}: {Why}. It will be tried again.")]
    public static partial void BindFailed(ILogger logger, NamespacedName name, string node, string why);

    [LoggerMessage(5102, LogLevel.Warning, "Status of Pod {Name} could not be written: {Why}")]
    public static partial void StatusFailed(ILogger logger, NamespacedName name, string why);

    [LoggerMessage(5103, LogLevel.Warning, "Pod {Name} could not be preempted: {Why}. The Pod that needs its place will be tried again.")]
    public static partial void PreemptionFailed(ILogger logger, NamespacedName name, string why);

    [LoggerMessage(5105, LogLevel.Warning, "Pod {Name} could not give up the devices of its claim {Claim}: {Why}")]
    public static partial void ClaimNotFreed(ILogger logger, NamespacedName name, string claim, string why);

    [LoggerMessage(5106, LogLevel.Warning, "What was reserved for Pod {Name} could not be taken back: {Why}")]
    public static partial void NotUndone(ILogger logger, NamespacedName name, string why);

    [LoggerMessage(5107, LogLevel.Warning, "Extender {Url} did not answer {What} for Pod {Name}: {Why}. It is ignored this time.")]
    public static partial void ExtenderIgnored(ILogger logger, string url, string what, NamespacedName name, string why);

    [LoggerMessage(5108, LogLevel.Warning, "Node {Node}, nominated for Pod {Name}, could not be looked at: {Why}. All nodes are looked at instead.")]
    public static partial void NominatedNotTried(ILogger logger, NamespacedName name, string node, string why);

    [LoggerMessage(5104, LogLevel.Error, "Pod {Name} could not be looked at; it will be tried again")]
    public static partial void SearchFailed(ILogger logger, NamespacedName name, Exception error);
}
