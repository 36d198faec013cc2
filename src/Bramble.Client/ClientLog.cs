using Bramble.Api.Naming;
using Microsoft.Extensions.Logging;

namespace Bramble.Client;

internal static partial class ClientLog
{
    [LoggerMessage(2101, LogLevel.Warning, "Watch of {Resource} failed: {Why}. It is tried again until it works.")]
    public static partial void InformerFailed(ILogger logger, string resource, string why);

    [LoggerMessage(2102, LogLevel.Error, "A subscriber of {Resource} failed at {Name}; report this as a bug.")]
    public static partial void SubscriberFailed(ILogger logger, string resource, NamespacedName name, Exception error);

    [LoggerMessage(2103, LogLevel.Warning, "Event {Reason} of {Name} was not recorded: {Why}")]
    public static partial void EventNotRecorded(ILogger logger, string reason, NamespacedName name, string why);

    [LoggerMessage(2104, LogLevel.Information, "{Identity} leads {Lease}")]
    public static partial void Leading(ILogger logger, string identity, NamespacedName lease);

    [LoggerMessage(2105, LogLevel.Warning, "{Identity} lost the lead of {Lease}: {Why}")]
    public static partial void LeadLost(ILogger logger, string identity, NamespacedName lease, string why);
}
