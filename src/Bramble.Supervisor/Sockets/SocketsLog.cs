using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Sockets;

internal static partial class SocketsLog
{
    [LoggerMessage(8401, LogLevel.Information, "Listening sockets outlived the restart: {Names}.")]
    public static partial void Inherited(ILogger logger, string names);

    [LoggerMessage(8402, LogLevel.Warning, "Cannot start {Program}, which keeps listening sockets over a restart: {Error}. All goes on, but the next restart refuses connections for its second.")]
    public static partial void NotHeld(ILogger logger, string program, string error);

    [LoggerMessage(8403, LogLevel.Warning, "Cannot take listening sockets back from process {Pid} (pidfd_getfd needs Linux 5.6 and CAP_SYS_PTRACE); it is ended, and restarts refuse connections for their second.")]
    public static partial void NotTaken(ILogger logger, int pid);
}
