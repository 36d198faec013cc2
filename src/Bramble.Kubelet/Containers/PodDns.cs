using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>What a resolv.conf says.</summary>
internal sealed record ResolvConf(IReadOnlyList<string> Servers, IReadOnlyList<string> Searches, IReadOnlyList<string> Options)
{
    public static readonly ResolvConf Empty = new([], [], []);

    public static ResolvConf Parse(string text)
    {
        List<string> servers = [], searches = [], options = [];
        foreach (var line in text.Split('\n'))
        {
            var words = line.Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0 || words[0][0] is '#' or ';') continue;
            if (words[0] == "nameserver" && words.Length > 1) servers.Add(words[1]);
            else if (words[0] == "search") searches = [.. words.Skip(1).Select(w => w == "." ? w : w.TrimEnd('.'))];
            else if (words[0] == "options") options = [.. words.Skip(1)];
        }
        return new(servers, searches, options);
    }
}

/// <summary>A pod's resolver configuration from its dnsPolicy and dnsConfig. Pure. Source: API page "DNS for Services and Pods".</summary>
internal static class PodDns
{
    private const int ServersMax = 3;

    public static DNSConfig Decide(V1Pod pod, ResolvConf host, IReadOnlyList<string> clusterDns, string clusterDomain)
    {
        var policy = pod.Spec.DnsPolicy ?? "ClusterFirst";
        var usesCluster = policy == "ClusterFirstWithHostNet" || (policy == "ClusterFirst" && !pod.IsHostNetwork());
        var config = new DNSConfig();
        if (policy == "None")
        {
            // Only what dnsConfig says.
        }
        else if (usesCluster && clusterDns.Count > 0)
        {
            config.Servers.Add(clusterDns);
            if (clusterDomain.Length > 0)
                config.Searches.Add([$"{pod.Namespace()}.svc.{clusterDomain}", $"svc.{clusterDomain}", clusterDomain]);
            config.Searches.Add(host.Searches.Where(s => !config.Searches.Contains(s)));
            config.Options.Add("ndots:5");
        }
        else
        {
            config.Servers.Add(host.Servers);
            config.Searches.Add(host.Searches);
            config.Options.Add(host.Options);
            if (config.Servers.Count == 0) config.Servers.Add("127.0.0.1");
        }
        if (pod.Spec.DnsConfig is { } own)
        {
            config.Servers.Add((own.Nameservers ?? []).Where(s => !config.Servers.Contains(s)).ToList());
            config.Searches.Add((own.Searches ?? []).Where(s => !config.Searches.Contains(s)).ToList());
            foreach (var option in own.Options ?? [])
            {
                // An option given again replaces the one of the same name.
                foreach (var same in config.Options.Where(o => o == option.Name || o.StartsWith(option.Name + ":", StringComparison.Ordinal)).ToList())
                    config.Options.Remove(same);
                config.Options.Add(string.IsNullOrEmpty(option.Value) ? option.Name : $"{option.Name}:{option.Value}");
            }
        }
        while (config.Servers.Count > ServersMax) config.Servers.RemoveAt(ServersMax);
        return config;
    }
}
