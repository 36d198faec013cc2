using System.Net;
using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Joining;

internal static partial class JoinLog
{
    [LoggerMessage(8101, LogLevel.Information, "Node {Node} at {Address} got its certificates.")]
    public static partial void Joined(ILogger logger, string node, IPAddress? address);

    [LoggerMessage(8102, LogLevel.Warning, "The machine at {Address} asked for certificates of node {Node}, whose name another machine has; refused.")]
    public static partial void WrongNodePassword(ILogger logger, string node, IPAddress? address);

    [LoggerMessage(8131, LogLevel.Information, "The node has new certificates, good until {NotAfter:yyyy-MM-dd}; its parts start again with them, pods go on.")]
    public static partial void Renewed(ILogger logger, DateTimeOffset notAfter);

    [LoggerMessage(8132, LogLevel.Warning, "The node's certificates end on {NotAfter:yyyy-MM-dd} and cannot be renewed: {Reason} Trying again in 12 hours.")]
    public static partial void NotRenewed(ILogger logger, DateTimeOffset notAfter, string reason);

    [LoggerMessage(8121, LogLevel.Information, "API traffic of this node goes to server {Server}.")]
    public static partial void ServerChosen(ILogger logger, string server);

    [LoggerMessage(8123, LogLevel.Warning, "No server is reached; pods and services go on as they are until one is.")]
    public static partial void CutOff(ILogger logger);

    [LoggerMessage(8122, LogLevel.Debug, "Server {Server} is not reached: {Error}")]
    public static partial void ServerNotReached(ILogger logger, string server, string error);
}
