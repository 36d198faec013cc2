using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.Controllers.Tests.Simulation;

/// <summary>An API that has bad moments, by a seed: conflicts although nothing changed, writes that are refused, writes that were done but whose answer is lost,
/// slow answers, and watches that lag, break off or have forgotten too much. Its user may die in the middle of a call.</summary>
internal sealed class FaultyClient(Func<IKubeClient> inner, Random random, TimeProvider time) : IKubeClient
{
    private readonly Lock _gate = new();

    /// <summary>False: the bad moments are over, and all must settle.</summary>
    public bool IsFaulty { get; set; } = true;

    /// <summary>The user is dead: nothing it asks for is done any more, and it never learns of an answer.</summary>
    public bool IsDead { get; set; }

    /// <summary>What was asked before death is carried out by an API that lives on.</summary>
    public int CallsUnderWay { get; private set; }

    public async ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel) => await Answer(inner().FindAsync(resource, name, await Asked(cancel)));

    public async ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => await Answer(inner().ListAsync(resource, query, await Asked(cancel)));

    public async ValueTask<JsonObject> GetAsync(string path, IReadOnlyList<KeyValuePair<string, string>> query, CancellationToken cancel) => await Answer(inner().GetAsync(path, query, await Asked(cancel)));

    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (Happens(300)) throw StatusErrors.Expired("injected: too old resource version");
        await foreach (var change in inner().WatchAsync(resource, query, cancel))
        {
            if (Happens(40)) await Task.Delay(Some(2000), time, cancel);
            if (IsDead) await Forever();
            yield return change;
            if (Happens(50)) yield break;       // the next watch goes on where this one ended
        }
    }

    public async ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        await Asked(cancel);
        Refuse(resource, name);
        var created = await Answer(inner().CreateAsync(resource, name, body, subresource, cancel));
        // What has no name of its own would be made twice: of that no controller can know.
        if (name.Name.Length > 0) LoseAnswer();
        return created;
    }

    public async ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        await Asked(cancel);
        Refuse(resource, name);
        var updated = await Answer(inner().UpdateAsync(resource, name, body, subresource, cancel));
        LoseAnswer();
        return updated;
    }

    public async ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel)
    {
        await Asked(cancel);
        Refuse(resource, name);
        var patched = await Answer(inner().PatchAsync(resource, name, patch, subresource, cancel));
        LoseAnswer();
        return patched;
    }

    public async ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel)
    {
        await Asked(cancel);
        Refuse(resource, name);
        var wasThere = await Answer(inner().DeleteAsync(resource, name, query, cancel));
        LoseAnswer();
        return wasThere;
    }

    private async ValueTask<CancellationToken> Asked(CancellationToken cancel)
    {
        if (Happens(30)) await Task.Delay(Some(500), time, cancel);
        if (IsDead) await Forever();
        return cancel;
    }

    private async ValueTask<T> Answer<T>(ValueTask<T> call)
    {
        CallsUnderWay++;
        try
        {
            var answer = await call;
            if (!IsDead) return answer;
        }
        finally
        {
            CallsUnderWay--;
        }
        await Forever();
        throw new InvalidOperationException("the dead learn nothing");
    }

    private static Task Forever() => new TaskCompletionSource().Task;

    private void Refuse(ResourceId resource, NamespacedName name)
    {
        if (resource.Plural == "events") return;
        if (Happens(12)) throw StatusErrors.Conflict(resource.GroupResource, name.Name, "injected");
        if (Happens(25)) throw new StatusException(new Status(500, "InternalError", "injected"));
        if (Happens(40)) throw new HttpRequestException("injected: connection refused");
    }

    private void LoseAnswer()
    {
        if (Happens(80)) throw new StatusException(new Status(504, "Timeout", "injected: done, but the answer is lost"));
        if (Happens(80)) throw new IOException("injected: done, but the connection was reset");
    }

    private TimeSpan Some(int millisecondsMax)
    {
        lock (_gate) return TimeSpan.FromMilliseconds(random.Next(1, millisecondsMax));
    }

    private bool Happens(int oneIn)
    {
        lock (_gate) return IsFaulty && random.Next(oneIn) == 0;
    }
}
