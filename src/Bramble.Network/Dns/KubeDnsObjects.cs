using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Dns;

/// <summary>The <c>kube-dns</c> Service and its selector-less EndpointSlices, as K3s' coredns.yaml has them, and the ConfigMap <c>cluster-dns</c>, from which tools
/// read the address and domain.</summary>
internal static class KubeDnsObjects
{
    private static readonly NamespacedName ServiceName = new("kube-system", "kube-dns"), MapName = new("kube-system", "cluster-dns");
    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryLast = TimeSpan.FromSeconds(30);

    /// <summary>The objects are for people and tools; the answers do not depend on them.</summary>
    /// <param name="config">Its node answers for all; its <c>OwnsNode</c> says whether it is this machine's, or one that may go away for good.</param>
    public static async Task KeepAsync(NetworkConfig config, IKubeClient client, IInformers informers, TimeProvider time, ILogger logger, CancellationToken cancel)
    {
        await WriteAsync(config, client, time, logger, cancel);
        if (config.OwnsNode) return;
        var nodes = informers.For(Resources.Nodes);
        while (true)
        {
            var now = config;
            await nodes.WaitUntilAsync(() => !IsAt(config, now = At(config, nodes)), cancel);
            config = now;
            await WriteAsync(config, client, time, logger, cancel);
        }
    }

    private static bool IsAt(NetworkConfig config, NetworkConfig other) => config.NodeName == other.NodeName && config.NodeIps.SequenceEqual(other.NodeIps);

    /// <summary>The same node as it is now; when it is gone the oldest one there is, or none, without addresses.</summary>
    private static NetworkConfig At(NetworkConfig config, ILister<V1Node> nodes)
    {
        var node = nodes.Find(new("", config.NodeName)) ?? nodes.List().Where(node => AddressesOf(node).Count > 0).MinBy(node => node.Metadata.CreationTimestamp);
        return config with { NodeName = node?.Metadata.Name ?? "", NodeIps = node is null ? [] : AddressesOf(node) };
    }

    private static List<IPAddress> AddressesOf(V1Node node) =>
        [.. (node.Status?.Addresses ?? []).Where(address => address.Type == "InternalIP").Select(address => IPAddress.Parse(address.Address))];

    private static async Task WriteAsync(NetworkConfig config, IKubeClient client, TimeProvider time, ILogger logger, CancellationToken cancel)
    {
        var retry = RetryFirst;
        while (true)
            try
            {
                if (await client.FindAsync(Resources.ConfigMaps, MapName, cancel) is null)
                    await client.CreateAsync(Resources.ConfigMaps, MapName, Map(config), null, cancel);
                if (config.Disabled.Contains("coredns")) return;
                if (await client.FindAsync(Resources.Services, ServiceName, cancel) is null)
                    await client.CreateAsync(Resources.Services, ServiceName, Service(config), null, cancel);
                var written = new HashSet<string>();
                foreach (var slice in Slices(config))
                {
                    var name = new NamespacedName(ServiceName.Namespace, slice["metadata"]!["name"]!.GetValue<string>());
                    written.Add(name.Name);
                    if (await client.FindAsync(Resources.EndpointSlices, name, cancel) is null) await client.CreateAsync(Resources.EndpointSlices, name, slice, null, cancel);
                    else await client.PatchAsync(Resources.EndpointSlices, name, new Patch(PatchType.Merge, new JsonObject { ["endpoints"] = slice["endpoints"]!.DeepClone(), ["ports"] = slice["ports"]!.DeepClone() }), null, cancel);
                }
                // Those of a node that was this one before.
                foreach (var slice in (await client.ListAsync(Resources.EndpointSlices, new ListQuery(ServiceName.Namespace, LabelSelector: "kubernetes.io/service-name=kube-dns,endpointslice.kubernetes.io/managed-by=bramble"), cancel)).Items)
                    if (!written.Contains(slice.Name.Name)) await client.DeleteAsync(Resources.EndpointSlices, slice.Name, new DeleteQuery(), cancel);
                return;
            }
            catch (StatusException refused)
            {
                Log.KubeDnsNotPublished(logger, refused.Message, (int)retry.TotalSeconds);
                await Task.Delay(retry, time, cancel);
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, RetryLast.Ticks));
            }
    }

    private static JsonObject Map(NetworkConfig config) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "ConfigMap",
        ["metadata"] = new JsonObject { ["name"] = MapName.Name, ["namespace"] = MapName.Namespace },
        ["data"] = new JsonObject { ["clusterDNS"] = config.ClusterDns[0].ToString(), ["clusterDomain"] = config.ClusterDomain },
    };

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
