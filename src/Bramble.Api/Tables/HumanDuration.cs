namespace Bramble.Api.Tables;

/// <summary>A duration as kubectl shows ages: two or three figures (behaviour of apimachinery's util/duration).</summary>
public static class HumanDuration
{
    private const int HoursPerYear = 24 * 365;

    public static string Format(TimeSpan duration)
    {
        var seconds = (long)duration.TotalSeconds;
        // Clocks of two machines may differ a little: up to two seconds in the future is now.
        if (seconds < -1) return "<invalid>";
        if (seconds < 0) return "0s";
        if (seconds < 120) return $"{seconds}s";
        var minutes = seconds / 60;
        if (minutes < 10) return seconds % 60 == 0 ? $"{minutes}m" : $"{minutes}m{seconds % 60}s";
        if (minutes < 180) return $"{minutes}m";
        var hours = minutes / 60;
        if (hours < 8) return minutes % 60 == 0 ? $"{hours}h" : $"{hours}h{minutes % 60}m";
        if (hours < 48) return $"{hours}h";
        if (hours < 24 * 8) return hours % 24 == 0 ? $"{hours / 24}d" : $"{hours / 24}d{hours % 24}h";
        if (hours < HoursPerYear * 2) return $"{hours / 24}d";
        if (hours < HoursPerYear * 8) return hours / 24 % 365 == 0 ? $"{hours / HoursPerYear}y" : $"{hours / HoursPerYear}y{hours / 24 % 365}d";
        return $"{hours / HoursPerYear}y";
    }
}
