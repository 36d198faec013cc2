using System.Globalization;

namespace Bramble.Client;

/// <summary>The API's two forms of a time.</summary>
public static class KubeTime
{
    /// <summary>meta/v1 Time: seconds.</summary>
    public static string Seconds(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>meta/v1 MicroTime.</summary>
    public static string Micro(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
