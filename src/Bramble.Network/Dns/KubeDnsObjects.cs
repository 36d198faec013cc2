using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Dns;

/// <summary>The <c>kube-dns</c> Service and its selector-less EndpointSlices, as K3s' coredns.yaml has them.</summary>
internal static class KubeDnsObjects
{
    private static readonly NamespacedName ServiceName = new("kube-system", "kube-dns");
    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryLast = TimeSpan.FromSeconds(30);

    // The objects are for people and tools; the answers do not depend on them.
    public static async Task EnsureAsync(NetworkConfig config, IKubeClient client, TimeProvider time, ILogger logger, CancellationToken cancel)
    {
        var retry = RetryFirst;
        while (true)
            try
            {
                if (await client.FindAsync(Resources.Services, ServiceName, cancel) is null)
                    await client.CreateAsync(Resources.Services, ServiceName, Service(config), null, cancel);
                foreach (var slice in Slices(config))
                {
                    var name = new NamespacedName(ServiceName.Namespace, slice["metadata"]!["name"]!.GetValue<string>());
                    if (await client.FindAsync(Resources.EndpointSlices, name, cancel) is null) await client.CreateAsync(Resources.EndpointSlices, name, slice, null, cancel);
                    else await client.PatchAsync(Resources.EndpointSlices, name, new Patch(PatchType.Merge, new JsonObject { ["endpoints"] = slice["endpoints"]!.DeepClone(), ["ports"] = slice["ports"]!.DeepClone() }), null, cancel);
                }
                return;
            }
            catch (StatusException refused)
            {
                Log.KubeDnsNotPublished(logger, refused.Message, (int)retry.TotalSeconds);
                await Task.Delay(retry, time, cancel);
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, RetryLast.Ticks));
            }
    }

    private static JsonObject Service(NetworkConfig config)
    {
        var ips = config.ClusterDns.Select(a => (JsonNode)a.ToString()).ToArray();
        var spec = new JsonObject
        {
            ["clusterIP"] = config.ClusterDns[0].ToString(),
            ["clusterIPs"] = new JsonArray(ips),
            ["ipFamilyPolicy"] = ips.Length > 1 ? "RequireDualStack" : "SingleStack",
            ["ports"] = new JsonArray(Port("dns", "UDP"), Port("dns-tcp", "TCP")),
        };
        return new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Service", ["metadata"] = Metadata("kube-dns", "k8s-app", "kube-dns"), ["spec"] = spec };
    }

    private static IEnumerable<JsonObject> Slices(NetworkConfig config)
    {
        foreach (var v6 in new[] { false, true })
        {
            var addresses = config.NodeIps.Where(a => a.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 == v6).ToList();
            if (addresses.Count == 0 || !config.ClusterDns.Any(a => a.AddressFamily == addresses[0].AddressFamily)) continue;
            var port = config.DnsPort;
            yield return new JsonObject
            {
                ["apiVersion"] = "discovery.k8s.io/v1",
                ["kind"] = "EndpointSlice",
                ["metadata"] = Metadata(string.Create(CultureInfo.InvariantCulture, $"kube-dns-{config.NodeName}-ipv{(v6 ? 6 : 4)}"), "kubernetes.io/service-name", "kube-dns"),
                ["addressType"] = v6 ? "IPv6" : "IPv4",
                ["endpoints"] = new JsonArray(new JsonObject
                {
                    ["addresses"] = new JsonArray((JsonNode)addresses[0].ToString()),
                    ["conditions"] = new JsonObject { ["ready"] = true },
                    ["nodeName"] = config.NodeName,
                }),
                ["ports"] = new JsonArray(SlicePort("dns", "UDP", port), SlicePort("dns-tcp", "TCP", port)),
            };
        }
    }

    private static JsonObject Port(string name, string protocol) => new() { ["name"] = name, ["port"] = 53, ["protocol"] = protocol, ["targetPort"] = 53 };

    private static JsonObject SlicePort(string name, string protocol, int port) => new() { ["name"] = name, ["port"] = port, ["protocol"] = protocol };

    private static JsonObject Metadata(string name, string label, string value) => new()
    {
        ["name"] = name,
        ["namespace"] = "kube-system",
        ["labels"] = label == "k8s-app"
            ? new JsonObject { [label] = value, ["kubernetes.io/cluster-service"] = "true", ["kubernetes.io/name"] = "CoreDNS" }
            : new JsonObject { [label] = value, ["endpointslice.kubernetes.io/managed-by"] = "bramble" },
    };
}
