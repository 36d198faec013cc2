namespace Bramble.Kubelet.Native;

/// <summary>What is mounted where, from /proc/self/mountinfo.</summary>
internal static class MountTable
{
    public static IReadOnlyList<string> Points() => [.. File.ReadLines("/proc/self/mountinfo").Select(Point)];

    /// <summary>Mount points at and below a folder, deepest first.</summary>
    public static IReadOnlyList<string> Below(string folder)
    {
        var prefix = folder.TrimEnd('/') + "/";
        return [.. Points().Where(p => p == folder || p.StartsWith(prefix, StringComparison.Ordinal)).OrderByDescending(p => p.Length)];
    }

    public static bool IsMountPoint(string path) => Points().Contains(path);

    // "36 35 98:0 /root /mount/point options …"; the kernel writes spaces as \040.
    private static string Point(string line)
    {
        var field = line.Split(' ', 6)[4];
        if (!field.Contains('\\')) return field;
        return field.Replace("\\040", " ").Replace("\\011", "\t").Replace("\\012", "\n").Replace("\\134", "\\");
    }
}
