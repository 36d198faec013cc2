using Bramble.Client;
using k8s.Models;

namespace Bramble.Network;

/// <summary>The resources that the network watches or writes.</summary>
internal static class WatchedResources
{
    public static readonly Resource<V1Service> Services = new("", "v1", "services", "Service", IsNamespaced: true);
    public static readonly Resource<V1EndpointSlice> EndpointSlices = new("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", IsNamespaced: true);
    public static readonly Resource<V1Pod> Pods = new("", "v1", "pods", "Pod", IsNamespaced: true);
    public static readonly Resource<V1Node> Nodes = new("", "v1", "nodes", "Node", IsNamespaced: false);
    public static readonly Resource<V1Namespace> Namespaces = new("", "v1", "namespaces", "Namespace", IsNamespaced: false);
    public static readonly Resource<V1ConfigMap> ConfigMaps = new("", "v1", "configmaps", "ConfigMap", IsNamespaced: true);
}
