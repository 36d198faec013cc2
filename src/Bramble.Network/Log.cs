using Microsoft.Extensions.Logging;

namespace Bramble.Network;

internal static partial class Log
{
    [LoggerMessage(6001, LogLevel.Warning, "The kernel refused the service rules: {Error}. Loading all of them again in {Seconds} s.")]
    public static partial void RulesRefused(ILogger logger, string error, int seconds);

    [LoggerMessage(6002, LogLevel.Debug, "Refused commands:\n{Commands}")]
    public static partial void RefusedCommands(ILogger logger, string commands);

    [LoggerMessage(6003, LogLevel.Debug, "Loaded {Count} rule elements ({Family} address family).")]
    public static partial void RulesLoaded(ILogger logger, int count, string family);

    [LoggerMessage(6011, LogLevel.Warning, "Cannot set {Setting} to {Value}: {Error}. Without it {Consequence}.")]
    public static partial void SettingRefused(ILogger logger, string setting, string value, string consequence, string error);

    [LoggerMessage(6012, LogLevel.Information, "Pod network {PodCidrs} on {Bridge}, MTU {Mtu}.")]
    public static partial void PodNetworkReady(ILogger logger, string podCidrs, string bridge, int mtu);

    [LoggerMessage(6013, LogLevel.Information, "This kernel has no bridge netfilter (br_netfilter): pods of this node reach each other by routing instead.")]
    public static partial void NoBridgeNetfilter(ILogger logger);
}
