using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>A Service with its endpoints, as kubectl describes it.</summary>
internal static class ServiceDescription
{
    private const int EndpointsShownMax = 3;

    /// <param name="slices">The Service's EndpointSlices.</param>
    public static void Write(TabbedText text, JsonObject service, IReadOnlyList<JsonObject> slices)
    {
        var spec = service["spec"]!;
        void Given(string title, string field)
        {
            if (spec[field]?.ToString() is { Length: > 0 } value) text.Line(0, $"{title}:\t{value}");
        }
        string Joined(string field) => spec[field] is JsonArray { Count: > 0 } list ? string.Join(',', list.Select(item => item?.ToString())) : "";

        FieldDescription.Name(text, service);
        FieldDescription.LabelsAndAnnotations(text, service);
        text.Line(0, $"Selector:\t{FieldDescription.Labels(spec["selector"])}");
        text.Line(0, $"Type:\t{(string?)spec["type"]}");
        Given("IP Family Policy", "ipFamilyPolicy");
        text.Line(0, $"IP Families:\t{(Joined("ipFamilies") is { Length: > 0 } families ? families : "<none>")}");
        text.Line(0, $"IP:\t{(string?)spec["clusterIP"]}");
        text.Line(0, $"IPs:\t{(Joined("clusterIPs") is { Length: > 0 } addresses ? addresses : "<none>")}");
        if (Joined("externalIPs") is { Length: > 0 } external) text.Line(0, $"External IPs:\t{external}");
        Given("Desired LoadBalancer IP", "loadBalancerIP");
        Given("External Name", "externalName");
        if (service["status"]?["loadBalancer"]?["ingress"] is JsonArray { Count: > 0 } ingress)
            text.Line(0, $"LoadBalancer Ingress:\t{string.Join(", ", ingress.Select(i => (string?)i?["ip"] is { Length: > 0 } ip ? ip + ((string?)i["ipMode"] is { } mode ? $" ({mode})" : "") : (string?)i?["hostname"]))}");
        foreach (var port in spec["ports"] as JsonArray ?? [])
        {
            var name = (string?)port?["name"] ?? "";
            var title = name.Length > 0 ? name : "<unset>";
            text.Line(0, $"Port:\t{title}\t{port?["port"]}/{(string?)port?["protocol"]}");
            text.Line(0, $"TargetPort:\t{port?["targetPort"]}/{(string?)port?["protocol"]}");
            if ((string?)port?["appProtocol"] is { } appProtocol) text.Line(0, $"AppProtocol:\t{appProtocol}");
            if ((long?)port?["nodePort"] is > 0) text.Line(0, $"NodePort:\t{title}\t{port?["nodePort"]}/{(string?)port?["protocol"]}");
            text.Line(0, $"Endpoints:\t{Endpoints(slices, name)}");
        }
        text.Line(0, $"Session Affinity:\t{(string?)spec["sessionAffinity"]}");
        Given("External Traffic Policy", "externalTrafficPolicy");
        Given("Internal Traffic Policy", "internalTrafficPolicy");
        if ((long?)spec["healthCheckNodePort"] is > 0) Given("HealthCheck NodePort", "healthCheckNodePort");
        if (Joined("loadBalancerSourceRanges") is { Length: > 0 } ranges) text.Line(0, $"LoadBalancer Source Ranges:\t{ranges}");
        Given("Traffic Distribution", "trafficDistribution");
    }

    /// <summary>The first ready addresses of a port, and how many more there are. A slice without ports (a headless Service may have none) shows addresses alone.</summary>
    private static string Endpoints(IReadOnlyList<JsonObject> slices, string port)
    {
        if (slices.Count == 0) return "<none>";
        List<string> shown = [];
        var count = 0;
        foreach (var slice in slices)
        {
            var ready = (slice["endpoints"] as JsonArray ?? []).Where(e => (bool?)e?["conditions"]?["ready"] != false).Select(e => (string?)e?["addresses"]?[0] ?? "").ToList();
            var numbers = slice["ports"] is JsonArray { Count: > 0 } ports ? ports.Where(p => ((string?)p?["name"] ?? "") == port).Select(p => $":{p?["port"]}") : [""];
            foreach (var number in numbers)
                foreach (var address in ready)
                    if (++count <= EndpointsShownMax) shown.Add((address.Contains(':') && number.Length > 0 ? $"[{address}]" : address) + number);
        }
        var list = string.Join(',', shown);
        return count > EndpointsShownMax ? $"{list} + {count - EndpointsShownMax} more..." : list;
    }
}
