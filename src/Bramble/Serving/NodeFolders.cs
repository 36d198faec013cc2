using Bramble.ApiServer.Proxying;
using Bramble.Controllers.LocalPath;

namespace Bramble.Serving;

/// <summary>Folders of local volumes, made and removed by the nodes' kubelets.</summary>
internal sealed class NodeFolders(KubeletRequests kubelets) : INodeFolders
{
    /// <summary>As long as K3s waits for its helper Pod.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public Task MakeAsync(string node, string path, CancellationToken cancel) => AskAsync(HttpMethod.Put, node, path, cancel);

    public Task RemoveAsync(string node, string path, CancellationToken cancel) => AskAsync(HttpMethod.Delete, node, path, cancel);

    private async Task AskAsync(HttpMethod method, string node, string path, CancellationToken cancel)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(Patience);
        try
        {
            await kubelets.AskAsync(method, node, $"/localPath?path={Uri.EscapeDataString(path)}", bound.Token);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"node {node} did not answer within {Patience.TotalSeconds} seconds", e);
        }
    }
}
