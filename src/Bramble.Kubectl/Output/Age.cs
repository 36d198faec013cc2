using System.Globalization;
using Bramble.Api.Tables;

namespace Bramble.Kubectl.Output;

/// <summary>How long ago something was, as kubectl says it.</summary>
internal static class Age
{
    public static string Since(string? time, DateTimeOffset now) =>
        time is not null && DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var then) ? HumanDuration.Format(now - then) : "<unknown>";
}
