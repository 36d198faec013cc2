using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

internal static partial class ServerLog
{
    [LoggerMessage(9001, LogLevel.Information, "Starting k3s {KubernetesVersion} (Bramble {OwnVersion}), data in {DataDir}")]
    public static partial void Starting(ILogger logger, string kubernetesVersion, string ownVersion, string dataDir);

    [LoggerMessage(9002, LogLevel.Information, "API server answers on {Url}; kubeconfig: {Kubeconfig}")]
    public static partial void ApiServerReady(ILogger logger, string url, string kubeconfig);

    [LoggerMessage(9003, LogLevel.Information, "Node {Node} is Ready after {Elapsed}")]
    public static partial void NodeReady(ILogger logger, string node, TimeSpan elapsed);

    [LoggerMessage(9004, LogLevel.Information, "Stopping; pods go on running")]
    public static partial void Stopping(ILogger logger);

    [LoggerMessage(9005, LogLevel.Error, "{Part} ended unexpectedly; it starts again in {Pause}")]
    public static partial void PartFailed(ILogger logger, string part, TimeSpan pause, Exception error);

    [LoggerMessage(9006, LogLevel.Warning, "{File} has keys that no flag of this command has, skipped: {Keys}")]
    public static partial void UnknownConfigKeys(ILogger logger, string file, string keys);

    [LoggerMessage(9007, LogLevel.Information, "{Step}")]
    public static partial void Step(ILogger logger, string step);

    [LoggerMessage(9008, LogLevel.Warning, "Cannot import {Archive}: {Why}")]
    public static partial void ImportFailed(ILogger logger, string archive, string why);

    [LoggerMessage(9021, LogLevel.Warning, "Another machine has joined as node {Node}, this server's own name. Rename one of them (--node-name).")]
    public static partial void NameTaken(ILogger logger, string node);
}
