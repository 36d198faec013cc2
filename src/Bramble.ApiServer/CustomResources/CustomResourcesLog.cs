using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.CustomResources;

internal static partial class CustomResourcesLog
{
    [LoggerMessage(3301, LogLevel.Warning, "CustomResourceDefinition {Name} could not be processed, will try again: {Why}")]
    public static partial void DefinitionFailed(ILogger logger, string name, string why);
}
