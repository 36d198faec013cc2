using Bramble.Api.Errors;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Proxying;

/// <summary>Short questions of the server itself to a node's kubelet, by the way that logs and exec take. Thread-safe.</summary>
public sealed class KubeletRequests
{
    private readonly Kubelets _kubelets;
    private readonly BackendClient _backend;

    internal KubeletRequests(Kubelets kubelets, BackendClient backend)
    {
        _kubelets = kubelets;
        _backend = backend;
    }

    /// <param name="pathAndQuery">Encoded, with the first slash.</param>
    /// <returns>The kubelet's answer.</returns>
    /// <exception cref="StatusException">No such node, not reachable, or any answer but success: the kubelet's own text.</exception>
    public async Task<string> AskAsync(HttpMethod method, string node, string pathAndQuery, CancellationToken cancel)
    {
        var (host, port) = _kubelets.Find(node, new GroupResource("", "nodes"));
        using var request = new HttpRequestMessage(method, $"https://{Kubelets.UrlHost(host)}:{port}{pathAndQuery}");
        using var answer = await _backend.SendAsync(request, cancel);
        var text = await answer.Content.ReadAsStringAsync(cancel);
        return answer.IsSuccessStatusCode ? text : throw StatusErrors.Internal($"node {node}: {text}");
    }
}
