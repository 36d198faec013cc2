using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Runtime;

internal static partial class Log
{
    [LoggerMessage(9101, LogLevel.Information, "containerd started: pid {Pid}, {Binary}")]
    public static partial void ContainerdStarted(ILogger logger, int pid, string binary);

    [LoggerMessage(9102, LogLevel.Information, "containerd of an earlier run adopted: pid {Pid}")]
    public static partial void ContainerdAdopted(ILogger logger, int pid);

    [LoggerMessage(9103, LogLevel.Information, "containerd restarts because its version or configuration changed (pid {Pid}); containers go on")]
    public static partial void ContainerdRestarts(ILogger logger, int pid);

    [LoggerMessage(9104, LogLevel.Error, "containerd (pid {Pid}) died; it is started again in {Pause}. Its log: {LogPath}")]
    public static partial void ContainerdDied(ILogger logger, int pid, string logPath, TimeSpan pause);

    [LoggerMessage(9105, LogLevel.Warning, "registries.yaml: {Warning}")]
    public static partial void RegistriesWarn(ILogger logger, string warning);

    [LoggerMessage(9106, LogLevel.Warning, "{Complaint}")]
    public static partial void Selinux(ILogger logger, string complaint);
}
