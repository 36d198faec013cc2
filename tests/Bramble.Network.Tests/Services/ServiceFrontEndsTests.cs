using Bramble.Network.Services;
using Bramble.Network.Tests.Support;
using k8s.Models;

namespace Bramble.Network.Tests.Services;

/// <summary>What a Service means on this node, written as the elements that the kernel gets.</summary>
public sealed class ServiceFrontEndsTests
{
    private static V1Service With(V1Service service, Action<V1ServiceSpec> change)
    {
        change(service.Spec);
        return service;
    }

    public static TheoryData<string, V1Service, V1EndpointSlice?, string[]> Cases => new()
    {
        {
            "one front end, two backends", Make.Service("web", "10.43.0.7", Make.Port(80)),
            Make.Slice("web", 8080, Make.Endpoint("10.42.0.6"), Make.Endpoint("10.42.1.5", node: "board2")),
            [
                "endpoints-0 10.43.0.7 . tcp . 80 : 10.42.0.6 . 8080", "endpoints-1 10.43.0.7 . tcp . 80 : 10.42.1.5 . 8080",
                "hairpin 10.42.0.6 . 10.42.0.6", "services 10.43.0.7 . tcp . 80 : goto lb-2",
            ]
        },
        { "nobody serves it", Make.Service("web", "10.43.0.7", Make.Port(80)), null, ["services 10.43.0.7 . tcp . 80 : goto refuse"] },
        { "headless has no front end", Make.Service("web", "None", Make.Port(80)), Make.Slice("web", 8080, Make.Endpoint("10.42.0.6")), [] },
        {
            "not ready gets nothing", Make.Service("web", "10.43.0.7", Make.Port(80)), Make.Slice("web", 80, Make.Endpoint("10.42.0.6", ready: false)),
            ["services 10.43.0.7 . tcp . 80 : goto refuse"]
        },
        {
            "a stopping pod serves when nobody else does", Make.Service("web", "10.43.0.7", Make.Port(80)),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2", ready: false, serving: true, terminating: true)),
            ["endpoints-0 10.43.0.7 . tcp . 80 : 10.42.1.6 . 80", "services 10.43.0.7 . tcp . 80 : goto lb-1"]
        },
        {
            "internalTrafficPolicy Local with backends elsewhere drops", With(Make.Service("web", "10.43.0.7", Make.Port(80)), s => s.InternalTrafficPolicy = "Local"),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2")), ["services 10.43.0.7 . tcp . 80 : drop"]
        },
        {
            "externalTrafficPolicy Local: cluster inside, this node from outside", With(Make.Service("web", "10.43.0.7", Make.Port(80, nodePort: 30080)), s =>
            {
                s.Type = "NodePort";
                s.ExternalTrafficPolicy = "Local";
            }),
            Make.Slice("web", 80, Make.Endpoint("10.42.0.6"), Make.Endpoint("10.42.1.6", node: "board2")),
            [
                "endpoints-0 10.43.0.7 . tcp . 80 : 10.42.0.6 . 80", "endpoints-1 10.43.0.7 . tcp . 80 : 10.42.1.6 . 80",
                "hairpin 10.42.0.6 . 10.42.0.6", "hairpin 10.42.0.6 . 10.42.0.6", "hairpin 10.42.0.6 . 10.42.0.6", "keep_source_node_tcp 30080",
                "masquerade_node_tcp 30080", "masquerade_node_tcp 30080",
                "node-endpoints-0 tcp . 30080 : 10.42.0.6 . 80", "node-endpoints-1 tcp . 30080 : 10.42.1.6 . 80",
                "node-external-endpoints-0 tcp . 30080 : 10.42.0.6 . 80", "nodeports tcp . 30080 : goto node-lb-2",
                "nodeports_external tcp . 30080 : goto node-external-lb-1", "services 10.43.0.7 . tcp . 80 : goto lb-2",
            ]
        },
        {
            "load balancer and external addresses, with source ranges that overlap", With(Make.Service("web", "10.43.0.7", Make.Port(80)), s =>
            {
                s.Type = "LoadBalancer";
                s.ExternalIPs = ["192.0.2.50"];
                s.LoadBalancerSourceRanges = ["10.0.0.0/8", "10.1.0.0/16"];
            }),
            null,
            ["services 10.43.0.7 . tcp . 80 : goto refuse", "services 192.0.2.50 . tcp . 80 : goto refuse", "services 192.0.2.60 . tcp . 80 : goto refuse"]
        },
        {
            "source ranges guard the load balancer's address only", With(Make.Service("web", "10.43.0.7", Make.Port(80)), s =>
            {
                s.Type = "LoadBalancer";
                s.LoadBalancerSourceRanges = ["10.0.0.0/8", "10.1.0.0/16"];
            }),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2")),
            [
                "allowed 192.0.2.60 . tcp . 80 . 10.0.0.0/8", "endpoints-0 10.43.0.7 . tcp . 80 : 10.42.1.6 . 80", "endpoints-0 192.0.2.60 . tcp . 80 : 10.42.1.6 . 80",
                "guarded 192.0.2.60 . tcp . 80", "masquerade_tcp 192.0.2.60 . 80", "services 10.43.0.7 . tcp . 80 : goto lb-1", "services 192.0.2.60 . tcp . 80 : goto lb-1",
            ]
        },
        {
            "a node that is in the ranges may come from the address itself", With(Make.Service("web", "10.43.0.7", Make.Port(80)), s =>
            {
                s.Type = "LoadBalancer";
                s.LoadBalancerSourceRanges = ["198.51.100.0/24", "10.0.0.0/8"];
            }),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2")),
            [
                "allowed 192.0.2.60 . tcp . 80 . 10.0.0.0/8", "allowed 192.0.2.60 . tcp . 80 . 192.0.2.60/32", "allowed 192.0.2.60 . tcp . 80 . 198.51.100.0/24",
                "endpoints-0 10.43.0.7 . tcp . 80 : 10.42.1.6 . 80", "endpoints-0 192.0.2.60 . tcp . 80 : 10.42.1.6 . 80",
                "guarded 192.0.2.60 . tcp . 80", "masquerade_tcp 192.0.2.60 . 80", "services 10.43.0.7 . tcp . 80 : goto lb-1", "services 192.0.2.60 . tcp . 80 : goto lb-1",
            ]
        },
        {
            "zone hints keep traffic here", Make.Service("web", "10.43.0.7", Make.Port(80)),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2", zone: "attic"), Make.Endpoint("10.42.2.6", node: "board3", zone: "cellar")),
            ["endpoints-0 10.43.0.7 . tcp . 80 : 10.42.2.6 . 80", "services 10.43.0.7 . tcp . 80 : goto lb-1"]
        },
        {
            "node hints beat zone hints", Make.Service("web", "10.43.0.7", Make.Port(80)),
            Make.Slice("web", 80, Make.Endpoint("10.42.0.6", zone: "cellar", forNode: Make.Node), Make.Endpoint("10.42.2.6", node: "board3", zone: "cellar", forNode: "board3")),
            ["endpoints-0 10.43.0.7 . tcp . 80 : 10.42.0.6 . 80", "hairpin 10.42.0.6 . 10.42.0.6", "services 10.43.0.7 . tcp . 80 : goto lb-1"]
        },
        {
            "a node that nobody is hinted for falls back to its zone", Make.Service("web", "10.43.0.7", Make.Port(80)),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2", zone: "attic", forNode: "board2"), Make.Endpoint("10.42.2.6", node: "board3", zone: "cellar", forNode: "board3")),
            ["endpoints-0 10.43.0.7 . tcp . 80 : 10.42.2.6 . 80", "services 10.43.0.7 . tcp . 80 : goto lb-1"]
        },
        {
            "one ready endpoint without a hint: hints do not count", Make.Service("web", "10.43.0.7", Make.Port(80)),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2", zone: "attic"), Make.Endpoint("10.42.2.6", node: "board3")),
            ["endpoints-0 10.43.0.7 . tcp . 80 : 10.42.1.6 . 80", "endpoints-1 10.43.0.7 . tcp . 80 : 10.42.2.6 . 80", "services 10.43.0.7 . tcp . 80 : goto lb-2"]
        },
        {
            "hints of endpoints that are ending do not count", Make.Service("web", "10.43.0.7", Make.Port(80)),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2", ready: false, serving: true, terminating: true, zone: "cellar"),
                Make.Endpoint("10.42.2.6", node: "board3", ready: false, serving: true, terminating: true, zone: "attic")),
            ["endpoints-0 10.43.0.7 . tcp . 80 : 10.42.1.6 . 80", "endpoints-1 10.43.0.7 . tcp . 80 : 10.42.2.6 . 80", "services 10.43.0.7 . tcp . 80 : goto lb-2"]
        },
        {
            "a load balancer in front that opens connections itself (ipMode Proxy) is not short-circuited", With(Make.Service("proxied", "10.43.0.7", Make.Port(80)), s => s.Type = "LoadBalancer"),
            null, ["services 10.43.0.7 . tcp . 80 : goto refuse"]
        },
        {
            "a node that is a load balancer answers on its own addresses too", Balancer("nat", pool: null),
            Make.Slice("nat", 80, Make.Endpoint("10.42.1.6", node: "board2")),
            [
                "endpoints-0 10.43.0.7 . tcp . 80 : 10.42.1.6 . 80", "endpoints-0 127.0.0.1 . tcp . 80 : 10.42.1.6 . 80", "endpoints-0 192.0.2.60 . tcp . 80 : 10.42.1.6 . 80",
                "endpoints-0 198.51.100.1 . tcp . 80 : 10.42.1.6 . 80", "masquerade_tcp 127.0.0.1 . 80", "masquerade_tcp 192.0.2.60 . 80", "masquerade_tcp 198.51.100.1 . 80",
                "services 10.43.0.7 . tcp . 80 : goto lb-1", "services 127.0.0.1 . tcp . 80 : goto lb-1", "services 192.0.2.60 . tcp . 80 : goto lb-1", "services 198.51.100.1 . tcp . 80 : goto lb-1",
            ]
        },
        {
            "but not those of another pool", Balancer("nat", pool: "garage"), Make.Slice("nat", 80, Make.Endpoint("10.42.1.6", node: "board2")),
            [
                "endpoints-0 10.43.0.7 . tcp . 80 : 10.42.1.6 . 80", "endpoints-0 192.0.2.60 . tcp . 80 : 10.42.1.6 . 80", "masquerade_tcp 192.0.2.60 . 80",
                "services 10.43.0.7 . tcp . 80 : goto lb-1", "services 192.0.2.60 . tcp . 80 : goto lb-1",
            ]
        },
        {
            "SCTP is one more protocol", Make.Service("web", "10.43.0.7", Make.Port(80, protocol: "SCTP")),
            Sctp(Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2"))), ["endpoints-0 10.43.0.7 . sctp . 80 : 10.42.1.6 . 80", "services 10.43.0.7 . sctp . 80 : goto lb-1"]
        },
        {
            "a service that says it is headless is nobody's", Labelled(Make.Service("web", "10.43.0.7", Make.Port(80)), "service.kubernetes.io/headless", ""),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2")), []
        },
        {
            "another proxy's service is left to it", Labelled(Make.Service("web", "10.43.0.7", Make.Port(80)), "service.kubernetes.io/service-proxy-name", "cilium"),
            Make.Slice("web", 80, Make.Endpoint("10.42.1.6", node: "board2")), []
        },
    };

    private static V1EndpointSlice Sctp(V1EndpointSlice slice)
    {
        foreach (var port in slice.Ports) port.Protocol = "SCTP";
        return slice;
    }

    private static V1Service Balancer(string name, string? pool)
    {
        var service = With(Make.Service(name, "10.43.0.7", Make.Port(80)), s => s.Type = "LoadBalancer");
        return pool is null ? service : Labelled(service, "svccontroller.k3s.cattle.io/lbpool", pool);
    }

    private static V1Service Labelled(V1Service service, string key, string value)
    {
        service.Metadata.Labels = new Dictionary<string, string> { [key] = value };
        return service;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_service_means(string name, V1Service service, V1EndpointSlice? slice, string[] expected)
    {
        Assert.NotEmpty(name);
        if (service.Spec.Type == "LoadBalancer") service.Status = new() { LoadBalancer = new() { Ingress = [new() { Ip = "192.0.2.60", IpMode = service.Metadata.Name == "proxied" ? "Proxy" : "VIP" }] } };
        var fronts = ServiceFrontEnds.Decide(service, slice is null ? [] : [slice], new NodePlace(Make.Node, "cellar") { Ips = [System.Net.IPAddress.Parse("198.51.100.1")], IsLoadBalancer = service.Metadata.Name == "nat" });
        var elements = fronts.SelectMany(f => RuleElements.Of(f.Key, f.Value)).Select(e => $"{e.Set} {e.Key}{(e.Value.Length > 0 ? " : " + e.Value : "")}");
        Assert.Equal(expected, elements.Order(StringComparer.Ordinal));
    }
}
