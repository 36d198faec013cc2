using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.Scheduler.Tests;

/// <summary>A client whose writes sometimes conflict, fail before or after they were carried out, and whose watches end. A seed decides.</summary>
internal sealed class FlakyClient(IKubeClient inner, int seed) : IKubeClient
{
    private readonly Random _random = new(seed);
    private readonly Lock _gate = new();

    /// <summary>False: the world has become reliable.</summary>
    public bool Fails { get; set; } = true;

    public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel) => inner.FindAsync(resource, name, cancel);

    public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => inner.ListAsync(resource, query, cancel);

    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var change in inner.WatchAsync(resource, query, cancel))
        {
            yield return change;
            if (IsHit(50)) yield break;
        }
    }

    public ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) =>
        Write(() => inner.CreateAsync(resource, name, body, subresource, cancel));

    public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) =>
        Write(() => inner.UpdateAsync(resource, name, body, subresource, cancel));

    public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel) =>
        Write(() => inner.PatchAsync(resource, name, patch, subresource, cancel));

    public ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel) => Write(() => inner.DeleteAsync(resource, name, query, cancel));

    private async ValueTask<T> Write<T>(Func<ValueTask<T>> write)
    {
        if (IsHit(10)) throw StatusErrors.Conflict(new GroupResource("", "things"), "thing", "the object has been modified");
        if (IsHit(20)) throw new HttpRequestException("connection refused");
        var written = await write();
        // Carried out, but the answer was lost.
        if (IsHit(20)) throw new IOException("connection reset");
        return written;
    }

    private bool IsHit(int oneIn)
    {
        lock (_gate) return Fails && _random.Next(oneIn) == 0;
    }
}
