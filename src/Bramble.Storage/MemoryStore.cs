namespace Bramble.Storage;

/// <summary>A store that lives and dies with the process: for tests and simulation, and the plainest statement of what an <see cref="IStore"/> does.</summary>
public sealed class MemoryStore : IStore
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, StoreEntry> _entries = new(StringComparer.Ordinal);
    private readonly EventLog _log;
    private long _revision;

    /// <param name="startRevision">The revision before the first write.</param>
    public MemoryStore(long startRevision = 1) => _log = new EventLog(_revision = startRevision);

    public long CurrentRevision => _log.CurrentRevision;

    public ValueTask<long> ReadRevisionAsync(CancellationToken cancel) => new(CurrentRevision);

    public ValueTask<StoreEntry?> FindAsync(string key, CancellationToken cancel)
    {
        lock (_gate) return new(_entries.TryGetValue(key, out var entry) ? entry : null);
    }

    public ValueTask<StoreList> ListAsync(string prefix, CancellationToken cancel)
    {
        lock (_gate)
        {
            var found = _entries.Values.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal)).ToList();
            return new(new StoreList(found, _revision));
        }
    }

    public ValueTask<WriteResult> PutAsync(string key, ReadOnlyMemory<byte> value, long expected, Durability durability, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        lock (_gate)
        {
            var exists = _entries.TryGetValue(key, out var old);
            if ((exists ? old.Revision : 0) != expected) return new(new WriteResult(false, _revision, exists ? old : null));
            var entry = new StoreEntry(key, value.ToArray(), ++_revision);
            _entries[key] = entry;
            _log.Append([new StoreEvent(key, entry.Value, exists ? old.Value : default, _revision, !exists, false)]);
            return new(new WriteResult(true, _revision, entry));
        }
    }

    public ValueTask<WriteResult> DeleteAsync(string key, long expected, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out var old) || old.Revision != expected)
                return new(new WriteResult(false, _revision, _entries.TryGetValue(key, out var current) ? current : null));
            _entries.Remove(key);
            _log.Append([new StoreEvent(key, old.Value, old.Value, ++_revision, false, true)]);
            return new(new WriteResult(true, _revision, old));
        }
    }

    public IAsyncEnumerable<IReadOnlyList<StoreEvent>> WatchAsync(long afterRevision, CancellationToken cancel) => _log.WatchAsync(afterRevision, cancel);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
