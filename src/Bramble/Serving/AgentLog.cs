using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

internal static partial class AgentLog
{
    [LoggerMessage(9101, LogLevel.Warning, "Not joined yet: {Reason} Trying again every few seconds.")]
    public static partial void NotJoined(ILogger logger, string reason);

    [LoggerMessage(9102, LogLevel.Information, "Joined the cluster at {Server} as node {Node}.")]
    public static partial void Joined(ILogger logger, Uri server, string node);

    [LoggerMessage(9103, LogLevel.Information, "The node has new certificates, good until {NotAfter:yyyy-MM-dd}; its parts start again with them, pods go on.")]
    public static partial void Renewed(ILogger logger, DateTimeOffset notAfter);

    [LoggerMessage(9104, LogLevel.Warning, "The node's certificates end on {NotAfter:yyyy-MM-dd} and cannot be renewed: {Reason} Trying again in 12 hours.")]
    public static partial void NotRenewed(ILogger logger, DateTimeOffset notAfter, string reason);
}
