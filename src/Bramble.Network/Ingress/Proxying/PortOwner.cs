using System.Globalization;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>Who listens on a TCP port of this machine, for a message that names him.</summary>
internal static class PortOwner
{
    private const string Listening = "0A";

    /// <summary><c>nginx (pid 812)</c>; null: nobody that can be seen (another user's process, or one in a container's network).</summary>
    public static string? Find(int port)
    {
        var inodes = new[] { "/proc/net/tcp", "/proc/net/tcp6" }.Where(File.Exists).SelectMany(table => Inodes(File.ReadLines(table), port)).ToHashSet(StringComparer.Ordinal);
        if (inodes.Count == 0) return null;
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(path["/proc/".Length])))
            if (Holds(process, inodes)) return $"{Name(process)} (pid {process["/proc/".Length..]})";
        return null;
    }

    /// <summary>The sockets that listen on a port: proc(5), /proc/net/tcp; address and port in hexadecimal, state 0A is LISTEN, the tenth field is the inode.</summary>
    internal static IEnumerable<string> Inodes(IEnumerable<string> lines, int port)
    {
        var suffix = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        foreach (var fields in lines.Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            if (fields.Length > 9 && fields[3] == Listening && fields[1].EndsWith(suffix, StringComparison.Ordinal)) yield return fields[9];
    }

    private static bool Holds(string process, HashSet<string> inodes)
    {
        try
        {
            foreach (var file in Directory.EnumerateFiles(process + "/fd"))
                if (File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name is { } target && target.StartsWith("socket:[", StringComparison.Ordinal) && inodes.Contains(target[8..^1])) return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or is not ours to look into.
        }
        return false;
    }

    private static string Name(string process)
    {
        try
        {
            return File.ReadAllText(process + "/comm").Trim();
        }
        catch (IOException)
        {
            return "a process that has just ended";
        }
    }
}
