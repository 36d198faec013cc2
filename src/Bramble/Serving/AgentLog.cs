using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

internal static partial class AgentLog
{
    [LoggerMessage(9101, LogLevel.Warning, "Not joined yet: {Reason} Trying again every few seconds.")]
    public static partial void NotJoined(ILogger logger, string reason);

    [LoggerMessage(9102, LogLevel.Information, "Joined the cluster at {Server} as node {Node}.")]
    public static partial void Joined(ILogger logger, Uri server, string node);

    [LoggerMessage(9105, LogLevel.Information, "This machine has moved from [{Old}] to [{New}]; the node's parts start again with the new address, pods go on.")]
    public static partial void Moved(ILogger logger, string old, string @new);
}
