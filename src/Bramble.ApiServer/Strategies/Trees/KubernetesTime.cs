using System.Globalization;

namespace Bramble.ApiServer.Strategies;

/// <summary>Times as API objects hold them: RFC 3339, UTC, whole seconds.</summary>
internal static class KubernetesTime
{
    public static string Write(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Null when the text is no time.</summary>
    public static DateTimeOffset? Read(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;
}
