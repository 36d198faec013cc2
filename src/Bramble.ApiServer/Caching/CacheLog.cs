using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Caching;

internal static partial class CacheLog
{
    [LoggerMessage(2101, LogLevel.Warning, "Following the store anew: {Why}. Watches are told to list again.")]
    public static partial void FollowsAgain(ILogger logger, string why);
}
