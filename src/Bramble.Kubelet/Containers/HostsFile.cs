using System.Text;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>A pod's /etc/hosts. Pure.</summary>
internal static class HostsFile
{
    public static string Of(IReadOnlyList<string> podIps, string hostName, string domain, IList<V1HostAlias>? aliases)
    {
        var text = new StringBuilder("# Kubernetes-managed hosts file.\n")
            .Append("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
            .Append("fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
        foreach (var ip in podIps)
            text.Append(ip).Append('\t').Append(domain.Length > 0 ? $"{hostName}.{domain}\t{hostName}" : hostName).Append('\n');
        return Aliases(text, aliases).ToString();
    }

    public static string OfHostNetwork(string nodeHosts, IList<V1HostAlias>? aliases) =>
        Aliases(new StringBuilder("# Kubernetes-managed hosts file (host network).\n").Append(nodeHosts), aliases).ToString();

    private static StringBuilder Aliases(StringBuilder text, IList<V1HostAlias>? aliases)
    {
        if (aliases is not { Count: > 0 }) return text;
        text.Append("\n# Entries added by HostAliases.\n");
        foreach (var alias in aliases) text.Append(alias.Ip).Append('\t').Append(string.Join('\t', alias.Hostnames ?? [])).Append('\n');
        return text;
    }
}
