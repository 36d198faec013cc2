using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Metrics;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.Proxying;

/// <summary>All endpoints that own their connection. Owns the connections to kubelets and pods: dispose it after the server has stopped.</summary>
public sealed class StreamingEndpoints : IDisposable
{
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);
    private readonly BackendClient _backend;

    public StreamingEndpoints(IResourceReader reader, KubeletClientOptions options, TimeProvider time)
    {
        _backend = new BackendClient(options, ConnectPatience);
        var kubelets = new Kubelets(reader);
        Metrics = new MetricsGroup(reader, new NodeSamples(kubelets, _backend, time));
        Kubelets = new KubeletRequests(kubelets, _backend);
        All =
        [
            new PodStreamEndpoint("exec", reader, options),
            new PodStreamEndpoint("attach", reader, options),
            new PodStreamEndpoint("portforward", reader, options),
            new PodLogEndpoint(reader, _backend),
            new ProxyEndpoint("nodes", reader, _backend, options),
            new ProxyEndpoint("pods", reader, _backend, options),
            new ProxyEndpoint("services", reader, _backend, options),
        ];
    }

    /// <summary>For <c>ApiServerParts.StreamingEndpoints</c>.</summary>
    public IReadOnlyList<IStreamingEndpoint> All { get; }

    /// <summary>metrics.k8s.io, for <c>ApiServerParts.VirtualGroups</c>: it asks the kubelets too.</summary>
    public IVirtualGroup Metrics { get; }

    /// <summary>Short questions of the server itself to a node.</summary>
    public KubeletRequests Kubelets { get; }

    public void Dispose() => _backend.Dispose();
}
