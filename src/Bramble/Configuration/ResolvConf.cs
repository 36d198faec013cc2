using System.Net;

namespace Bramble.Configuration;

/// <summary>Which resolver configuration pods and the cluster DNS start from. As K3s: the first of the given file, /etc/resolv.conf and systemd-resolved's that names
/// only servers other machines can reach (a stub on 127.0.0.53 is of no use in a pod).</summary>
internal static class ResolvConf
{
    private static readonly string[] Candidates = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

    public static string Choose(string? given)
    {
        if (!string.IsNullOrEmpty(given)) return given;
        return Candidates.FirstOrDefault(path => File.Exists(path) && IsUsable(File.ReadAllLines(path))) ?? Candidates[0];
    }

    internal static bool IsUsable(IReadOnlyList<string> lines)
    {
        var servers = lines.Select(line => line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length >= 2 && words[0] == "nameserver").Select(words => words[1]).ToList();
        return servers.Count > 0 && servers.All(server => IPAddress.TryParse(server, out var address) && !IPAddress.IsLoopback(address) && !address.IsIPv6LinkLocal);
    }
}
