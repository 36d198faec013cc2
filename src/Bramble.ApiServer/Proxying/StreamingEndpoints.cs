using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.Proxying;

/// <summary>All endpoints that own their connection. Owns the connections to kubelets and pods: dispose it after the server has stopped.</summary>
public sealed class StreamingEndpoints : IDisposable
{
    private readonly BackendClient _backend;

    public StreamingEndpoints(IResourceReader reader, KubeletClientOptions options)
    {
        _backend = new BackendClient(options);
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

    public void Dispose() => _backend.Dispose();
}
