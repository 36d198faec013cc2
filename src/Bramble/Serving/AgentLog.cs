using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

internal static partial class AgentLog
{
    [LoggerMessage(9101, LogLevel.Warning, "Not joined yet: {Reason} Trying again every few seconds.")]
    public static partial void NotJoined(ILogger logger, string reason);

    [LoggerMessage(9102, LogLevel.Information, "Joined the cluster at {Server} as node {Node}.")]
    public static partial void Joined(ILogger logger, Uri server, string node);

    [LoggerMessage(9103, LogLevel.Warning, "{Reason} Until then this node goes on with what the cluster said last: pods, services and names from outside work, nothing new comes.")]
    public static partial void StartsAlone(ILogger logger, string reason);

    [LoggerMessage(9105, LogLevel.Information, "This machine has moved from [{Old}] to [{New}]; the node's parts start again with the new address, pods go on.")]
    public static partial void Moved(ILogger logger, string old, string @new);
}
