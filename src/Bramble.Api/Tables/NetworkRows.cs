using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>Rows of services and what leads to them.</summary>
internal static class NetworkRows
{
    private const int ListedMax = 3;

    public static JsonArray Service(JsonObject o, DateTimeOffset now)
    {
        var ports = o.Items("spec", "ports").Select(p => p.Number("nodePort") > 0
            ? $"{p.Number("port")}:{p.Number("nodePort")}/{p.Text("protocol")}"
            : $"{p.Number("port")}/{p.Text("protocol")}");
        return new JsonArray(
            o.Name(),
            o.Text("spec", "type"),
            o.Texts("spec", "clusterIPs") is [var ip, ..] ? ip : "<none>",
            ExternalIP(o),
            string.Join(',', ports).OrNone(),
            o.Age(now),
            o.Labels("spec", "selector"));
    }

    public static JsonArray Endpoints(JsonObject o, DateTimeOffset now)
    {
        var subsets = o.Items("subsets");
        var addresses = new List<string>();
        foreach (var subset in subsets)
        {
            var ips = subset.Items("addresses").Select(a => a.Text("ip")).ToList();
            var ports = subset.Items("ports");
            // A headless service may have no ports.
            if (ports.Count == 0) addresses.AddRange(ips);
            foreach (var port in ports) addresses.AddRange(ips.Select(ip => $"{(ip.Contains(':') ? $"[{ip}]" : ip)}:{port.Number("port")}"));
        }
        return new JsonArray(o.Name(), subsets.Count == 0 ? "<none>" : CellReading.Joined(addresses, ListedMax), o.Age(now));
    }

    public static JsonArray EndpointSlice(JsonObject o, DateTimeOffset now)
    {
        var ports = o.Items("ports").Select(p => p.NumberOrNull("port")?.ToString() ?? p.TextOr("*", "name")).ToList();
        var addresses = o.Items("endpoints").SelectMany(e => e.Texts("addresses")).ToList();
        return new JsonArray(o.Name(), o.Text("addressType"), JoinedOrUnset(ports), JoinedOrUnset(addresses), o.Age(now));
    }

    public static JsonArray Ingress(JsonObject o, DateTimeOffset now)
    {
        return new JsonArray(
            o.Name(),
            o.TextOr("<none>", "spec", "ingressClassName"),
            Hosts(o.Items("spec", "rules")),
            LoadBalancer(o),
            o.Count("spec", "tls") > 0 ? "80, 443" : "80",
            o.Age(now));
    }

    public static JsonArray IngressClass(JsonObject o, DateTimeOffset now)
    {
        var isDefault = o.Text("metadata", "annotations", "ingressclass.kubernetes.io/is-default-class") == "true";
        var parameters = o.At("spec", "parameters") is { } p
            ? $"{p.Text("kind")}{(p.At("apiGroup") is null ? "" : "." + p.Text("apiGroup"))}/{p.Text("name")}"
            : "<none>";
        return new JsonArray(o.Name() + (isDefault ? " (default)" : ""), o.Text("spec", "controller"), parameters, o.Age(now));
    }

    public static JsonArray NetworkPolicy(JsonObject o, DateTimeOffset now) => new(
        o.Name(), o.At("spec", "podSelector") is null ? "<none>" : o.Selector("spec", "podSelector"), o.Age(now));

    public static JsonArray ServiceCIDR(JsonObject o, DateTimeOffset now) => new(o.Name(), string.Join(',', o.Texts("spec", "cidrs")), o.Age(now));

    /// <summary>Upstream prints three cells under two columns here.</summary>
    public static JsonArray IPAddress(JsonObject o, DateTimeOffset now)
    {
        var parent = "<none>";
        if (o.At("spec", "parentRef") is { } reference)
        {
            var group = reference.Text("group");
            parent = (reference.Text("resource") + (group.Length > 0 ? "." + group : "")).ToLowerInvariant();
            if (reference.Text("namespace") is { Length: > 0 } ns) parent += "/" + ns;
            parent += "/" + reference.Text("name");
        }
        return new JsonArray(o.Name(), parent, o.Age(now));
    }

    private static string ExternalIP(JsonObject service)
    {
        var own = service.Texts("spec", "externalIPs");
        var balancer = LoadBalancer(service);
        return service.Text("spec", "type") switch
        {
            "ClusterIP" or "NodePort" => string.Join(',', own).OrNone(),
            "LoadBalancer" when own.Count > 0 => string.Join(',', balancer.Length > 0 ? [balancer, .. own] : own),
            "LoadBalancer" => balancer.Length > 0 ? balancer : "<pending>",
            "ExternalName" => service.Text("spec", "externalName"),
            _ => "<unknown>",
        };
    }

    private static string LoadBalancer(JsonObject o) => string.Join(',', o.Items("status", "loadBalancer", "ingress")
        .Select(i => i.Text("ip") is { Length: > 0 } ip ? ip : i.Text("hostname"))
        .Where(a => a.Length > 0).Distinct().Order(StringComparer.Ordinal));

    private static string Hosts(IReadOnlyList<JsonObject> rules)
    {
        var hosts = new List<string>();
        var hasMore = false;
        foreach (var rule in rules)
        {
            if (hosts.Count == ListedMax) hasMore = true;
            if (!hasMore && rule.Text("host") is { Length: > 0 } host) hosts.Add(host);
        }
        if (hosts.Count == 0) return "*";
        return string.Join(',', hosts) + (hasMore ? $" + {rules.Count - ListedMax} more..." : "");
    }

    private static string JoinedOrUnset(IReadOnlyList<string> texts) => CellReading.Joined(texts, ListedMax) is { Length: > 0 } text ? text : "<unset>";
}
