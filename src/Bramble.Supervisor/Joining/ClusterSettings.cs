using System.Net;
using System.Text.Json.Nodes;

namespace Bramble.Supervisor.Joining;

/// <summary>What an agent must know of the cluster, as the server tells it (<c>GET /v1-k3s/config</c>). K3s' field names; what only K3s' own agents read is
/// written with this server's values too.</summary>
public sealed record ClusterSettings
{
    public required string ServerNode { get; init; }
    public required IPEndPoint Advertise { get; init; }
    public required int SupervisorPort { get; init; }
    public required IReadOnlyList<IPNetwork> ClusterCidrs { get; init; }
    public required IReadOnlyList<IPNetwork> ServiceCidrs { get; init; }
    public required (int First, int Last) NodePorts { get; init; }
    public required IReadOnlyList<IPAddress> ClusterDns { get; init; }
    public required string ClusterDomain { get; init; }

    /// <summary>As <c>--flannel-backend</c> names it.</summary>
    public required string FlannelBackend { get; init; }

    /// <summary><c>--flannel-ipv6-masq</c>: IPv6 pods go out with the node's address.</summary>
    public bool MasqueradesIPv6Pods { get; init; }

    /// <summary><c>--flannel-external-ip</c>: nodes send each other pods' packets at their external addresses.</summary>
    public bool UsesExternalIps { get; init; }

    /// <summary>As <c>--egress-selector-mode</c> names it.</summary>
    public required string EgressSelectorMode { get; init; }

    public required IReadOnlySet<string> Disabled { get; init; }
    public required bool DisablesNetworkPolicy { get; init; }

    public JsonObject Write() => new()
    {
        ["AdvertiseIP"] = Advertise.Address.ToString(),
        ["AdvertisePort"] = Advertise.Port,
        ["HTTPSPort"] = SupervisorPort,
        ["SupervisorPort"] = SupervisorPort,
        ["APIServerPort"] = SupervisorPort,
        ["ServiceNodePortRange"] = new JsonObject { ["Base"] = NodePorts.First, ["Size"] = NodePorts.Last - NodePorts.First + 1 },
        ["ServerNodeName"] = ServerNode,
        ["ClusterDNS"] = ClusterDns[0].ToString(),
        ["ClusterDNSs"] = new JsonArray([.. ClusterDns.Select(a => (JsonNode)a.ToString())]),
        ["ClusterDomain"] = ClusterDomain,
        ["ClusterIPRange"] = WriteRange(ClusterCidrs[0]),
        ["ClusterIPRanges"] = new JsonArray([.. ClusterCidrs.Select(WriteRange)]),
        ["ServiceIPRange"] = WriteRange(ServiceCidrs[0]),
        ["ServiceIPRanges"] = new JsonArray([.. ServiceCidrs.Select(WriteRange)]),
        ["FlannelBackend"] = FlannelBackend,
        ["EgressSelectorMode"] = EgressSelectorMode,
        ["Disables"] = new JsonObject([.. Disabled.Order(StringComparer.Ordinal).Select(name => KeyValuePair.Create(name, (JsonNode?)true))]),
        ["Skips"] = new JsonObject(),
        ["DisableNPC"] = DisablesNetworkPolicy,
        ["DisableServiceLB"] = Disabled.Contains("servicelb"),
        ["DisableKubeProxy"] = Disabled.Contains("kube-proxy"),
        ["DisableCCM"] = false,
        ["DisableHelmController"] = true,
        ["EmbeddedRegistry"] = false,
        ["SupervisorMetrics"] = false,
        ["FlannelIPv6Masq"] = MasqueradesIPv6Pods,
        ["FlannelExternalIP"] = UsesExternalIps,
        ["NoLeaderElect"] = true,
    };

    /// <exception cref="FormatException">A field that an agent cannot do without is missing or malformed.</exception>
    public static ClusterSettings Read(JsonObject document)
    {
        try
        {
            var range = document["ServiceNodePortRange"];
            var first = range?["Base"]?.GetValue<int>() ?? 30000;
            var services = ReadRanges(document["ServiceIPRanges"]);
            if (services.Count == 0) throw new FormatException("the server names no service network (ServiceIPRanges)");
            return new ClusterSettings
            {
                ServerNode = Text(document, "ServerNodeName"),
                Advertise = new IPEndPoint(IPAddress.TryParse(Text(document, "AdvertiseIP"), out var advertise) ? advertise : IPAddress.None, document["AdvertisePort"]?.GetValue<int>() ?? 6443),
                SupervisorPort = document["SupervisorPort"]?.GetValue<int>() ?? 6443,
                ClusterCidrs = ReadRanges(document["ClusterIPRanges"]),
                ServiceCidrs = services,
                NodePorts = (first, first + (range?["Size"]?.GetValue<int>() ?? 2768) - 1),
                ClusterDns = [.. (document["ClusterDNSs"] as JsonArray ?? []).Select(a => IPAddress.Parse(a!.GetValue<string>()))],
                ClusterDomain = Text(document, "ClusterDomain"),
                FlannelBackend = Text(document, "FlannelBackend"),
                MasqueradesIPv6Pods = document["FlannelIPv6Masq"]?.GetValue<bool>() == true,
                UsesExternalIps = document["FlannelExternalIP"]?.GetValue<bool>() == true,
                EgressSelectorMode = Text(document, "EgressSelectorMode"),
                Disabled = (document["Disables"] as JsonObject ?? []).Where(d => d.Value?.GetValue<bool>() == true).Select(d => d.Key).ToHashSet(StringComparer.Ordinal),
                DisablesNetworkPolicy = document["DisableNPC"]?.GetValue<bool>() == true,
            };
        }
        catch (InvalidOperationException wrong)
        {
            throw new FormatException($"the server's settings are not what a K3s 1.36 server sends: {wrong.Message}", wrong);
        }
    }

    // Go's net.IPNet: the mask as raw bytes. 10.42.0.0/16 is IP 10.42.0.0, Mask //8AAA==.
    private static JsonNode WriteRange(IPNetwork range)
    {
        var mask = new byte[range.BaseAddress.GetAddressBytes().Length];
        for (var i = 0; i < mask.Length; i++) mask[i] = (byte)(0xff00 >> Math.Clamp(range.PrefixLength - i * 8, 0, 8));
        return new JsonObject { ["IP"] = range.BaseAddress.ToString(), ["Mask"] = Convert.ToBase64String(mask) };
    }

    private static List<IPNetwork> ReadRanges(JsonNode? list)
    {
        var ranges = new List<IPNetwork>();
        foreach (var range in list as JsonArray ?? [])
        {
            var bits = Convert.FromBase64String(range?["Mask"]?.GetValue<string>() ?? "").Sum(b => System.Numerics.BitOperations.PopCount(b));
            ranges.Add(new IPNetwork(IPAddress.Parse(range?["IP"]?.GetValue<string>() ?? ""), bits));
        }
        return ranges;
    }

    private static string Text(JsonObject document, string name) => document[name]?.GetValue<string>() ?? "";
}
