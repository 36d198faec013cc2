using System.Text.RegularExpressions;

namespace Bramble.ApiServer.Strategies;

/// <summary>Durations as Go reads them: <c>1h30m</c>, <c>1.5h</c>.</summary>
internal static partial class GoDuration
{
    public static bool IsValid(string text) => text is "0" or "+0" or "-0" || Format().IsMatch(text);

    [GeneratedRegex(@"^[-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$")]
    private static partial Regex Format();
}
