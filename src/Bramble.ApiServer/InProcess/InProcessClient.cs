using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Verbs;
using Bramble.Client;

namespace Bramble.ApiServer.InProcess;

/// <summary>The API without HTTP, for the parts of this process: the same pipeline (authorization, admission, validation), objects shared with the watch cache.
/// One identity; <see cref="As"/> makes another. Thread-safe.</summary>
public sealed class InProcessClient(ApiPipeline pipeline, UserInfo user, string userAgent = "bramble") : IKubeClient
{
    public UserInfo User { get; } = user;

    /// <summary>The same server as somebody else. <paramref name="agent"/> names the field manager of its writes (<c>kube-controller-manager</c>); null: as this one.</summary>
    public InProcessClient As(UserInfo other, string? agent = null) => new(pipeline, other, agent ?? userAgent);

    public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel) => throw new NotSupportedException();
    public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => throw new NotSupportedException();
    public IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => throw new NotSupportedException();
    public ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) => throw new NotSupportedException();
    public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) => throw new NotSupportedException();
    public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel) => throw new NotSupportedException();
    public ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel) => throw new NotSupportedException();
}
