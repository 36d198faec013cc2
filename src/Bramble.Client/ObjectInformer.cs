using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Microsoft.Extensions.Logging;

namespace Bramble.Client;

/// <summary>The local copy of one resource, or of some objects of it, without models. One task lists, watches and applies; readers take a short lock.</summary>
/// <remarks>A watch that ends is resumed where it stopped; 410 lists again; failures back off from 0.1 s to 30 s, because a board's API server may be
/// away for as long as a reboot takes.</remarks>
internal sealed class ObjectInformer(ResourceId resource, ListQuery which, IKubeClient client, TimeProvider time, ILogger log) : IInformer<KubeObject>
{
    private static readonly TimeSpan BackOffMin = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BackOffMax = TimeSpan.FromSeconds(8);

    private readonly Lock _gate = new();            // the copy; held for moments, nothing else is called under it
    private readonly Lock _telling = new();         // one change after the other reaches the handlers; taken before _gate
    private readonly Dictionary<NamespacedName, KubeObject> _objects = [];
    private readonly Dictionary<string, ObjectIndex> _indexes = [];
    private readonly List<Action<ObjectChange<KubeObject>>> _handlers = [];
    private readonly List<Waiter> _waiters = [];
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _isSynced;
    private int _subscribers;
    private long _resourceVersion;

    public ResourceId Resource => resource;

    // A task of our own: who waits for several of them goes on where it began to wait.
    public Task Synced => _isSynced ??= IsSyncedAsync();

    public long ResourceVersion => Volatile.Read(ref _resourceVersion);

    public bool HasSubscribers => Volatile.Read(ref _subscribers) > 0;

    public KubeObject? Find(NamespacedName name)
    {
        lock (_gate) return _objects.GetValueOrDefault(name);
    }

    public KubeObject? FindObject(NamespacedName name) => Find(name);

    public IReadOnlyList<KubeObject> List(string ns = "")
    {
        lock (_gate) return ns.Length == 0 ? [.. _objects.Values] : [.. _objects.Values.Where(o => o.Name.Namespace == ns)];
    }

    public IReadOnlyList<KubeObject> ByIndex(string index, string value)
    {
        lock (_gate)
            return _indexes.TryGetValue(index, out var known)
                ? known.Find(value)
                : throw new InvalidOperationException($"{resource.Plural} has no index {index}");
    }

    public void AddIndex(string index, Func<KubeObject, IEnumerable<string>> values)
    {
        lock (_gate)
        {
            if (_indexes.ContainsKey(index)) return;
            var added = new ObjectIndex(values);
            foreach (var known in _objects.Values) added.Replace(null, known);
            _indexes.Add(index, added);
        }
    }

    public IDisposable Subscribe(Action<ObjectChange<KubeObject>> handler)
    {
        // The handler hears of what is there before any change, because changes are told under the same lock.
        lock (_telling)
        {
            foreach (var known in List()) handler(new(known.Name, null, known));
            _handlers.Add(handler);
            Volatile.Write(ref _subscribers, _handlers.Count);
        }
        return new Subscription(this, handler);
    }

    public async Task WaitUntilAsync(Func<bool> condition, CancellationToken cancel)
    {
        Waiter waiter;
        lock (_gate)
        {
            if (condition()) return;
            waiter = new Waiter(condition, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            _waiters.Add(waiter);
        }
        try
        {
            await waiter.Done.OrUntil(cancel);
        }
        finally
        {
            lock (_gate) _waiters.Remove(waiter);
        }
    }

    public async Task RunAsync(CancellationToken cancel)
    {
        await Task.Yield();      // whoever asks for the informer does not do its first list
        var backOff = BackOffMin;
        var mustList = true;
        var isTold = false;      // one line an outage, not one an attempt
        string? from = "0";      // any version the server has will do for the first list
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                if (mustList)
                {
                    await ListAsync(from, cancel);
                    mustList = false;
                    from = null;
                }
                var started = time.GetTimestamp();
                await foreach (var change in client.WatchAsync(resource, which with { ResourceVersion = _resourceVersion.ToString(System.Globalization.CultureInfo.InvariantCulture) }, cancel))
                {
                    Apply(change);
                    (backOff, isTold) = (BackOffMin, false);
                }
                // A server that closes at once must not be asked in a tight loop.
                if (time.GetElapsedTime(started) < TimeSpan.FromSeconds(1)) await Task.Delay(backOff, time, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (StatusException e) when (e.Status.Code == 410)
            {
                mustList = true;
            }
            catch (Exception e)
            {
                // After a failure the copy may be arbitrarily old: list only when the server says that the version is gone.
                if (!isTold) ClientLog.InformerFailed(log, resource.Plural, e.GetBaseException().Message);
                isTold = true;
                try
                {
                    await Task.Delay(backOff, time, cancel);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
                backOff = backOff * 2 < BackOffMax ? backOff * 2 : BackOffMax;
            }
        }
    }

    private async Task IsSyncedAsync() => await _synced.Task;

    private async Task ListAsync(string? from, CancellationToken cancel)
    {
        var query = which with { ResourceVersion = from };
        var found = new Dictionary<NamespacedName, KubeObject>();
        ObjectList page;
        do
        {
            page = await client.ListAsync(resource, query, cancel);
            foreach (var item in page.Items) found[item.Name] = item;
            query = query with { Continue = page.Continue, ResourceVersion = null };
        }
        while (!string.IsNullOrEmpty(page.Continue));

        lock (_telling)
        {
            foreach (var gone in _objects.Values.Where(o => !found.ContainsKey(o.Name)).ToList()) Change(gone, null);
            foreach (var item in found.Values)
            {
                var old = Find(item.Name);
                if (old is null || old.ResourceVersion != item.ResourceVersion || old.Uid != item.Uid) Change(old, item);
            }
            if (long.TryParse(page.ResourceVersion, out var version)) Volatile.Write(ref _resourceVersion, version);
            WakeWaiters();
        }
        _synced.TrySetResult();
    }

    private void Apply(in WatchEvent change)
    {
        lock (_telling)
        {
            var subject = change.Object;
            if (change.Type != WatchEventType.Bookmark)
            {
                var old = Find(subject.Name);
                if (change.Type == WatchEventType.Deleted)
                {
                    if (old is not null) Change(old, null);
                }
                else
                {
                    Change(old, subject);
                }
            }
            if (subject.ResourceVersion > _resourceVersion) Volatile.Write(ref _resourceVersion, subject.ResourceVersion);
            WakeWaiters();
        }
    }

    private void Change(KubeObject? old, KubeObject? now)
    {
        var name = (now ?? old)!.Name;
        lock (_gate)
        {
            if (now is null) _objects.Remove(name);
            else _objects[name] = now;
            foreach (var index in _indexes.Values) index.Replace(old, now);
        }
        // By index and from the end: a handler may end its own subscription.
        for (var i = _handlers.Count - 1; i >= 0; i--) Tell(_handlers[i], new(name, old, now));
    }

    private void Tell(Action<ObjectChange<KubeObject>> handler, in ObjectChange<KubeObject> change)
    {
        try
        {
            handler(change);
        }
        catch (Exception e)
        {
            // One subscriber's mistake must not stop the copy for all others.
            ClientLog.SubscriberFailed(log, resource.Plural, change.Name, e);
        }
    }

    private void WakeWaiters()
    {
        lock (_gate)
            for (var i = _waiters.Count - 1; i >= 0; i--)
                if (_waiters[i].Condition()) _waiters[i].Done.TrySetResult();
    }

    private sealed record Waiter(Func<bool> Condition, TaskCompletionSource Done);

    private sealed class Subscription(ObjectInformer informer, Action<ObjectChange<KubeObject>> handler) : IDisposable
    {
        public void Dispose()
        {
            lock (informer._telling)
            {
                informer._handlers.Remove(handler);
                Volatile.Write(ref informer._subscribers, informer._handlers.Count);
            }
        }
    }
}
