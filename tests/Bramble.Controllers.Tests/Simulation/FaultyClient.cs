using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.Controllers.Tests.Simulation;

/// <summary>An API that has bad moments, by a seed: conflicts although nothing changed, writes that are refused, writes that were done but whose answer is lost,
/// and watches that break off.</summary>
internal sealed class FaultyClient(IKubeClient inner, int seed) : IKubeClient
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);

    /// <summary>False: the bad moments are over, and all must settle.</summary>
    public bool IsFaulty { get; set; } = true;

    public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel) => inner.FindAsync(resource, name, cancel);

    public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => inner.ListAsync(resource, query, cancel);

    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var change in inner.WatchAsync(resource, query, cancel))
        {
            yield return change;
            if (Happens(50)) yield break;       // the next watch goes on where this one ended
        }
    }

    public async ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        Refuse(resource, name);
        var created = await inner.CreateAsync(resource, name, body, subresource, cancel);
        // What has no name of its own would be made twice: of that no controller can know.
        if (name.Name.Length > 0) LoseAnswer();
        return created;
    }

    public async ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        Refuse(resource, name);
        var updated = await inner.UpdateAsync(resource, name, body, subresource, cancel);
        LoseAnswer();
        return updated;
    }

    public async ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel)
    {
        Refuse(resource, name);
        var patched = await inner.PatchAsync(resource, name, patch, subresource, cancel);
        LoseAnswer();
        return patched;
    }

    public async ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel)
    {
        Refuse(resource, name);
        var wasThere = await inner.DeleteAsync(resource, name, query, cancel);
        LoseAnswer();
        return wasThere;
    }

    private void Refuse(ResourceId resource, NamespacedName name)
    {
        if (resource.Plural == "events") return;
        if (Happens(12)) throw StatusErrors.Conflict(resource.GroupResource, name.Name, "injected");
        if (Happens(25)) throw new StatusException(new Status(500, "InternalError", "injected"));
    }

    private void LoseAnswer()
    {
        if (Happens(40)) throw new StatusException(new Status(504, "Timeout", "injected: done, but the answer is lost"));
    }

    private bool Happens(int oneIn)
    {
        lock (_gate) return IsFaulty && _random.Next(oneIn) == 0;
    }
}
