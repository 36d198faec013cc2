using Bramble.Api.Naming;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Admission.Quota;

internal static partial class QuotaLog
{
    [LoggerMessage(3311, LogLevel.Warning, "The status of ResourceQuota {Quota} could not be written: {Why}")]
    public static partial void StatusNotWritten(ILogger logger, NamespacedName quota, string why);
}
