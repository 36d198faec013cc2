using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Serving;

internal static partial class ServingLog
{
    [LoggerMessage(2201, LogLevel.Error, "{Method} {Path} failed by an error of the server itself; please report it.")]
    public static partial void RequestFailed(ILogger logger, Exception error, string method, string path);
}
