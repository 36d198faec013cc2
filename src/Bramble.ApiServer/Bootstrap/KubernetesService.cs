using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Bootstrap;

/// <summary>What the Service <c>default/kubernetes</c>, its Endpoints and EndpointSlice, and the ServiceCIDR <c>kubernetes</c> must look like.</summary>
internal static class KubernetesService
{
    public const string Name = "kubernetes";

    /// <summary>The first address of a range: 10.43.0.0/16 → 10.43.0.1.</summary>
    public static IPAddress FirstAddress(IPNetwork range)
    {
        var bytes = range.BaseAddress.GetAddressBytes();
        bytes[^1]++;
        return new IPAddress(bytes);
    }

    public static JsonObject Service(BootstrapConfig config)
    {
        var address = FirstAddress(config.ServiceCidrs[0]);
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Service",
            ["metadata"] = new JsonObject
            {
                ["name"] = Name,
                ["namespace"] = "default",
                ["labels"] = new JsonObject { ["component"] = "apiserver", ["provider"] = "kubernetes" },
            },
            ["spec"] = new JsonObject
            {
                ["ports"] = new JsonArray(new JsonObject { ["name"] = "https", ["protocol"] = "TCP", ["port"] = 443, ["targetPort"] = config.Advertise.Port }),
                ["clusterIP"] = address.ToString(),
                ["clusterIPs"] = new JsonArray(address.ToString()),
                ["type"] = "ClusterIP",
                ["sessionAffinity"] = "None",
                ["ipFamilies"] = new JsonArray(Family(address)),
                ["ipFamilyPolicy"] = "SingleStack",
            },
        };
    }

    public static JsonObject Endpoints(BootstrapConfig config) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Endpoints",
        ["metadata"] = new JsonObject { ["name"] = Name, ["namespace"] = "default", ["labels"] = new JsonObject { ["endpointslice.kubernetes.io/skip-mirror"] = "true" } },
        ["subsets"] = new JsonArray(
            new JsonObject
            {
                ["addresses"] = new JsonArray(new JsonObject { ["ip"] = config.Advertise.Address.ToString() }),
                ["ports"] = new JsonArray(new JsonObject { ["name"] = "https", ["port"] = config.Advertise.Port, ["protocol"] = "TCP" }),
            }),
    };

    public static JsonObject EndpointSlice(BootstrapConfig config) => new()
    {
        ["apiVersion"] = "discovery.k8s.io/v1",
        ["kind"] = "EndpointSlice",
        ["metadata"] = new JsonObject { ["name"] = Name, ["namespace"] = "default", ["labels"] = new JsonObject { ["kubernetes.io/service-name"] = Name } },
        ["addressType"] = Family(config.Advertise.Address),
        ["endpoints"] = new JsonArray(new JsonObject { ["addresses"] = new JsonArray(config.Advertise.Address.ToString()), ["conditions"] = new JsonObject { ["ready"] = true } }),
        ["ports"] = new JsonArray(new JsonObject { ["name"] = "https", ["protocol"] = "TCP", ["port"] = config.Advertise.Port }),
    };

    public static JsonObject ServiceCidr(BootstrapConfig config)
    {
        var cidrs = new JsonArray();
        foreach (var range in config.ServiceCidrs) cidrs.Add((JsonNode)JsonValue.Create(range.ToString()));
        return new JsonObject
        {
            ["apiVersion"] = "networking.k8s.io/v1",
            ["kind"] = "ServiceCIDR",
            ["metadata"] = new JsonObject { ["name"] = Name, ["finalizers"] = new JsonArray("networking.k8s.io/service-cidr-finalizer") },
            ["spec"] = new JsonObject { ["cidrs"] = cidrs },
        };
    }

    public static JsonArray ServiceCidrReady(DateTimeOffset now) => new(
        new JsonObject
        {
            ["type"] = "Ready",
            ["status"] = "True",
            ["lastTransitionTime"] = Time(now),
            ["reason"] = "",
            ["message"] = "Kubernetes Service CIDR is ready",
        });

    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);

    private static string Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? "IPv6" : "IPv4";
}
