using System.Globalization;

namespace Bramble.Client;

/// <summary>The API's two forms of a time.</summary>
public static class KubeTime
{
    private static readonly string[] Rfc3339 = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    /// <summary>meta/v1 Time: seconds.</summary>
    public static string Seconds(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A time as models hold it: always UTC, which a <see cref="DateTime"/> need not say.</summary>
    public static DateTimeOffset Utc(DateTime at) => new(DateTime.SpecifyKind(at, DateTimeKind.Utc));

    /// <returns>Null: there is none.</returns>
    public static DateTimeOffset? Utc(DateTime? at) => at is { } time ? Utc(time) : null;

    /// <summary>RFC 3339 as Go reads it: nothing without a zone.</summary>
    public static bool TryParse(string text, out DateTimeOffset at) => DateTimeOffset.TryParseExact(text, Rfc3339, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out at);

    /// <summary>meta/v1 MicroTime.</summary>
    public static string Micro(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
