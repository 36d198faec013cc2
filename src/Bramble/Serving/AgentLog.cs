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

    [LoggerMessage(9106, LogLevel.Warning, "The token does not pin the server's CA; use the whole line of server/node-token so that nobody can pretend to be the server.")]
    public static partial void NotPinned(ILogger logger);

    [LoggerMessage(9107, LogLevel.Warning, "This machine's clock differs from the server's by {Seconds} s. Set it: timedatectl set-ntp true.")]
    public static partial void ClockDiffers(ILogger logger, int seconds);

    [LoggerMessage(9105, LogLevel.Information, "This machine has moved from [{Old}] to [{New}]; the node's parts start again with the new address, pods go on.")]
    public static partial void Moved(ILogger logger, string old, string @new);
}
