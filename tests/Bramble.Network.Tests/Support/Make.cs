using k8s.Models;

namespace Bramble.Network.Tests.Support;

/// <summary>Objects in one line each.</summary>
internal static class Make
{
    public const string Node = "board1";

    public static V1Service Service(string name, string clusterIp, params V1ServicePort[] ports) => new()
    {
        Metadata = new() { Name = name, NamespaceProperty = "default" },
        Spec = new() { ClusterIP = clusterIp, ClusterIPs = [clusterIp], Type = "ClusterIP", Ports = ports },
    };

    public static V1ServicePort Port(int port, int nodePort = 0, string protocol = "TCP", string? name = null) =>
        new() { Port = port, Protocol = protocol, Name = name, NodePort = nodePort == 0 ? null : nodePort };

    public static V1EndpointSlice Slice(string service, int port, params V1Endpoint[] endpoints) => new()
    {
        Metadata = new() { Name = service + "-x", NamespaceProperty = "default", Labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = service } },
        AddressType = "IPv4",
        Ports = [new() { Port = port, Protocol = "TCP" }],
        Endpoints = endpoints,
    };

    /// <summary>The same for IPv6.</summary>
    public static V1EndpointSlice SliceV6(string service, int port, params V1Endpoint[] endpoints)
    {
        var slice = Slice(service, port, endpoints);
        slice.Metadata.Name += "6";
        slice.AddressType = "IPv6";
        return slice;
    }

    public static V1EndpointSlice Udp(V1EndpointSlice slice)
    {
        foreach (var port in slice.Ports) port.Protocol = "UDP";
        return slice;
    }

    public static V1Endpoint Endpoint(string address, string node = Node, bool ready = true, bool? serving = null, bool? terminating = null, string? hostname = null, string? zone = null, string? forNode = null) => new()
    {
        Addresses = [address],
        NodeName = node,
        Hostname = hostname,
        Conditions = new() { Ready = ready, Serving = serving ?? ready, Terminating = terminating },
        Hints = zone is null ? null : new() { ForZones = [new() { Name = zone }], ForNodes = forNode is null ? null : [new() { Name = forNode }] },
    };
}
