using System.Globalization;

namespace Bramble.Kubectl.Output;

/// <summary>Durations as people read them: 5s, 3m20s, 2d4h (apimachinery's HumanDuration).</summary>
internal static class Age
{
    public static string Since(string? time, DateTimeOffset now) =>
        time is not null && DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var then) ? Of(now - then) : "<unknown>";

    public static string Of(TimeSpan age)
    {
        var seconds = (long)age.TotalSeconds;
        if (seconds < -1) return "<invalid>";
        if (seconds < 0) return "0s";
        if (seconds < 120) return $"{seconds}s";
        var minutes = seconds / 60;
        if (minutes < 10) return seconds % 60 == 0 ? $"{minutes}m" : $"{minutes}m{seconds % 60}s";
        if (minutes < 180) return $"{minutes}m";
        var hours = minutes / 60;
        if (hours < 8) return minutes % 60 == 0 ? $"{hours}h" : $"{hours}h{minutes % 60}m";
        if (hours < 48) return $"{hours}h";
        if (hours < 192) return hours % 24 == 0 ? $"{hours / 24}d" : $"{hours / 24}d{hours % 24}h";
        if (hours < 8760 * 2) return $"{hours / 24}d";
        if (hours < 8760 * 8) return hours / 24 % 365 == 0 ? $"{hours / 8760}y" : $"{hours / 8760}y{hours / 24 % 365}d";
        return $"{hours / 8760}y";
    }
}
