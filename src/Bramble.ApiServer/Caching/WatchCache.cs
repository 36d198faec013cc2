using System.Collections.Concurrent;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Storage;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Caching;

/// <summary>The cluster's state in memory, one cache a resource, fed by one list and one watch of the store. Serves every get, list and watch.</summary>
/// <remarks>Never touches the disk for a reader; a writer never waits for a watcher. Invariant: revisions a reader sees only grow. One task applies events.</remarks>
public sealed class WatchCache(IStore store, TimeProvider time, ILoggerFactory logs) : IResourceReader
{
    private readonly ConcurrentDictionary<string, ResourceCache> _byFolder = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<GroupResource, ResourceCache> _byResource = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ILogger _log = logs.CreateLogger("cache");
    private readonly Lock _waitLock = new();
    private readonly PriorityQueue<TaskCompletionSource, long> _waiting = new();
    private long _applied;
    private int _isReady;

    /// <summary>Newest revision that every cache has applied.</summary>
    public long AppliedRevision => Volatile.Read(ref _applied);

    /// <summary>Done when the first load is in.</summary>
    public Task Ready => _ready.Task;

    public bool IsReady => Volatile.Read(ref _isReady) == 1;

    /// <summary>Loads everything, then follows the store until cancelled. A store that cannot be read is tried again; a gap in its events is loaded anew.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                var revision = await LoadAsync(cancel);
                await foreach (var batch in store.WatchAsync(revision, cancel)) Apply(batch);
                throw new StoreUnavailableException("the store ended its watch");
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                lock (_waitLock)
                    while (_waiting.TryDequeue(out var waiter, out _)) waiter.TrySetCanceled(cancel);
                return;
            }
            catch (Exception e) when (e is StoreCompactedException or StoreUnavailableException)
            {
                CacheLog.FollowsAgain(_log, e.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), time, cancel).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            }
        }
    }

    public KubeObject? Find(GroupResource resource, NamespacedName name) => Of(resource).Current.Items.Find(name);

    public IReadOnlyCollection<KubeObject> List(GroupResource resource, string ns = "") => [.. Of(resource).Current.Items.Range(ns)];

    public long Revision(GroupResource resource) => Of(resource).Current.Revision;

    /// <summary>The cache of a resource; an empty one is made for a resource that has no objects yet.</summary>
    internal ResourceCache Of(GroupResource resource) =>
        _byResource.TryGetValue(resource, out var known) ? known : _byResource.GetOrAdd(resource, static (r, cache) => cache.Make(r), this);

    /// <summary>The newest revision, when the caches have reached it: what a read without resourceVersion must see (KEP-2340).</summary>
    internal ValueTask<long> ReachNewestAsync(CancellationToken cancel)
    {
        var asked = store.ReadRevisionAsync(cancel);
        if (!asked.IsCompletedSuccessfully) return Slow(asked);
        var newest = asked.Result;
        return newest <= AppliedRevision ? new ValueTask<long>(AppliedRevision) : Slow(new ValueTask<long>(newest));

        async ValueTask<long> Slow(ValueTask<long> revision)
        {
            await WaitForAsync(await revision, cancel);
            return AppliedRevision;
        }
    }

    /// <summary>Returns when every cache has applied <paramref name="revision"/>.</summary>
    internal Task WaitForAsync(long revision, CancellationToken cancel)
    {
        if (AppliedRevision >= revision) return Task.CompletedTask;
        TaskCompletionSource waiter;
        lock (_waitLock)
        {
            if (AppliedRevision >= revision) return Task.CompletedTask;
            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiter, revision);
        }
        return waiter.OrUntil(cancel);
    }

    /// <summary>Waits for a revision a client named, at most three seconds; then 504 as upstream.</summary>
    internal async Task WaitForNamedAsync(long revision, CancellationToken cancel)
    {
        if (AppliedRevision >= revision) return;
        try
        {
            await WaitForAsync(revision, cancel).WaitAsync(TimeSpan.FromSeconds(3), time, cancel);
        }
        catch (TimeoutException)
        {
            throw TooLarge(revision);
        }
    }

    internal StatusException TooLarge(long revision) => new(new Status(
        504, "Timeout", $"Timeout: Too large resource version: {revision}, current: {AppliedRevision}",
        new StatusDetails(Causes: [new StatusCause("ResourceVersionTooLarge", "Too large resource version")], RetryAfterSeconds: 1)));

    private ResourceCache Make(GroupResource resource) => OfFolder(StorageLayout.PrefixOf(resource)[StorageLayout.Root.Length..^1]);

    private async Task<long> LoadAsync(CancellationToken cancel)
    {
        var all = await store.ListAsync(StorageLayout.Root, cancel);
        var byFolder = new Dictionary<string, List<KubeObject>>(StringComparer.Ordinal);
        foreach (var entry in all.Entries)
        {
            if (!TrySplit(entry.Key, out var folder, out var name)) continue;
            if (!byFolder.TryGetValue(folder, out var items)) byFolder[folder] = items = [];
            items.Add(WireForm.Make(name, entry.Value, entry.Revision));
        }
        foreach (var folder in _byFolder.Keys)
            if (!byFolder.ContainsKey(folder)) byFolder[folder] = [];
        foreach (var (folder, items) in byFolder)
        {
            items.Sort(static (a, b) => ObjectMap.Compare(a.Name, b.Name));
            OfFolder(folder).Load(all.Revision, items);
        }
        Advance(all.Revision);
        Volatile.Write(ref _isReady, 1);
        _ready.TrySetResult();
        return all.Revision;
    }

    private void Apply(IReadOnlyList<StoreEvent> batch)
    {
        ResourceCache? touched = null;
        List<ResourceCache>? others = null;
        for (var i = 0; i < batch.Count; i++)
        {
            var change = batch[i];
            if (!TrySplit(change.Key, out var folder, out var name)) continue;
            var cache = OfFolder(folder);
            cache.Apply(name, change);
            if (touched is null) touched = cache;
            else if (touched != cache && others?.Contains(cache) != true) (others ??= []).Add(cache);
        }
        if (batch.Count > 0) Advance(batch[^1].Revision);
        touched?.Announce();
        if (others is not null)
            foreach (var cache in others) cache.Announce();
    }

    private void Advance(long revision)
    {
        Volatile.Write(ref _applied, revision);
        lock (_waitLock)
            while (_waiting.TryPeek(out var waiter, out var wanted) && wanted <= revision)
            {
                _waiting.Dequeue();
                waiter.TrySetResult();
            }
    }

    private ResourceCache OfFolder(string folder) =>
        _byFolder.TryGetValue(folder, out var known)
            ? known
            : _byFolder.GetOrAdd(folder, static (_, start) =>
            {
                var empty = new ResourceCache(start.Time);
                empty.Load(start.Revision, []);
                return empty;
            }, (Time: time, Revision: AppliedRevision));

    /// <summary>Folder and name of a key. Folders of one part, but for services/… and groups with a dot, which have two; keys that are no object's (ranges/…, masterleases/…) are left out.</summary>
    private static bool TrySplit(string key, out string folder, out NamespacedName name)
    {
        (folder, name) = ("", default);
        if (!key.StartsWith(StorageLayout.Root, StringComparison.Ordinal)) return false;
        var first = key.IndexOf('/', StorageLayout.Root.Length);
        if (first < 0) return false;
        var head = key.AsSpan(StorageLayout.Root.Length, first - StorageLayout.Root.Length);
        if (head is "ranges" or "masterleases" or "peerserverleases") return false;
        if (head is "services" || head.Contains('.'))
        {
            first = key.IndexOf('/', first + 1);
            if (first < 0) return false;
        }
        folder = key[StorageLayout.Root.Length..first];
        var slash = key.IndexOf('/', first + 1);
        name = slash < 0 ? new NamespacedName("", key[(first + 1)..]) : new NamespacedName(key[(first + 1)..slash], key[(slash + 1)..]);
        return name.Name.Length > 0;
    }
}
