using Microsoft.Extensions.Logging;

namespace Bramble.Storage;

internal static partial class StorageLog
{
    [LoggerMessage(1101, LogLevel.Error, "Store: {Why}")]
    public static partial void Unavailable(ILogger logger, string why);

    [LoggerMessage(1102, LogLevel.Information, "Store: writes succeed again")]
    public static partial void AvailableAgain(ILogger logger);

    [LoggerMessage(1103, LogLevel.Error, "Store: {Count} Events and Lease renewals were lost at the stop: {Why}")]
    public static partial void LazyWritesLost(ILogger logger, int count, string why);
}
