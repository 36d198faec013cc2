using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Aggregation;

internal static partial class AggregationLog
{
    [LoggerMessage(3401, LogLevel.Information, "APIService {Name} is available.")]
    public static partial void Available(ILogger logger, string name);

    [LoggerMessage(3402, LogLevel.Warning, "APIService {Name} cannot be used: {Reason}: {Message}.")]
    public static partial void Unavailable(ILogger logger, string name, string reason, string message);

    [LoggerMessage(3403, LogLevel.Warning, "APIService {Name} could not be processed, will try again: {Why}")]
    public static partial void Failed(ILogger logger, string name, string why);
}
