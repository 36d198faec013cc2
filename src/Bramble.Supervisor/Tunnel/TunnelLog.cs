using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Tunnel;

internal static partial class TunnelLog
{
    [LoggerMessage(8201, LogLevel.Information, "Node {Node} opened its tunnel; its kubelet is reached through it.")]
    public static partial void Opened(ILogger logger, string node);

    [LoggerMessage(8202, LogLevel.Information, "The tunnel of node {Node} has ended.")]
    public static partial void Closed(ILogger logger, string node);

    [LoggerMessage(8203, LogLevel.Debug, "The tunnel of node {Node} broke: {Error}")]
    public static partial void Broken(ILogger logger, string node, string error);

    [LoggerMessage(8211, LogLevel.Information, "Connected to server {Server}.")]
    public static partial void ConnectedTo(ILogger logger, string server);

    [LoggerMessage(8212, LogLevel.Warning, "No tunnel to server {Server}: {Error}. Trying again; pods go on meanwhile.")]
    public static partial void NotConnected(ILogger logger, string server, string error);

    [LoggerMessage(8213, LogLevel.Information, "Server {Server} closed the tunnel; connecting again.")]
    public static partial void ServerClosed(ILogger logger, string server);
}
