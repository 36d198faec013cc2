namespace Bramble.Storage;

/// <summary>One key as it stands. <c>Revision</c>: of its last write.</summary>
public readonly record struct StoreEntry(string Key, ReadOnlyMemory<byte> Value, long Revision);

/// <summary>All keys under a prefix in key order (ordinal), as they stood together at <c>Revision</c>.</summary>
public sealed record StoreList(IReadOnlyList<StoreEntry> Entries, long Revision);

/// <summary>How durable a write must be before it is acknowledged.</summary>
public enum Durability
{
    /// <summary>Survives kill -9 and power loss once acknowledged.</summary>
    Durable,

    /// <summary>Acknowledged at once and visible at once; rides with the next durable commit or a clean stop, after ten minutes at the latest.
    /// Only Events and Lease renewals.</summary>
    Lazy,
}

/// <summary>Answer of a conditional write. Lost: nothing was written and <c>Current</c> is what is there (null: the key does not exist).</summary>
public readonly record struct WriteResult(bool Succeeded, long Revision, StoreEntry? Current);

/// <summary>What happened to a key. <c>Value</c> of a deletion is the last value; <c>IsCreate</c>: the key did not exist before.</summary>
public readonly record struct StoreEvent(string Key, ReadOnlyMemory<byte> Value, ReadOnlyMemory<byte> Previous, long Revision, bool IsCreate, bool IsDelete);

/// <summary>The revisioned store of the cluster's state. Knows keys and bytes, never kinds. Keys are upstream's etcd keys
/// (<c>/registry/pods/ns/name</c>); values do not hold their resourceVersion. One revision counter grows over all keys: each write gets its own.
/// Thread-safe. All engines pass the same StoreContractTests.</summary>
public interface IStore : IAsyncDisposable
{
    /// <summary>Revision of the newest write that every reader can see.</summary>
    long CurrentRevision { get; }

    /// <summary>The newest revision of the store itself; an embedded store answers from memory, an external one asks (one round trip).</summary>
    ValueTask<long> ReadRevisionAsync(CancellationToken cancel);

    ValueTask<StoreEntry?> FindAsync(string key, CancellationToken cancel);

    ValueTask<StoreList> ListAsync(string prefix, CancellationToken cancel);

    /// <param name="expected">Revision the key must be at; 0: it must not exist.</param>
    /// <exception cref="StoreUnavailableException">Disk full, read-only or not reachable; nothing was stored.</exception>
    ValueTask<WriteResult> PutAsync(string key, ReadOnlyMemory<byte> value, long expected, Durability durability, CancellationToken cancel);

    /// <param name="expected">Revision the key must be at.</param>
    ValueTask<WriteResult> DeleteAsync(string key, long expected, CancellationToken cancel);

    /// <summary>All events after <paramref name="afterRevision"/> in revision order, in batches as they are committed, without gap, until cancelled.
    /// The caller's cost is bounded by the store: a consumer that falls too far behind gets a <see cref="StoreCompactedException"/>.</summary>
    /// <exception cref="StoreCompactedException">The revision is older than what the store remembers.</exception>
    IAsyncEnumerable<IReadOnlyList<StoreEvent>> WatchAsync(long afterRevision, CancellationToken cancel);
}

/// <summary>The store cannot write or be reached now: disk full, read-only, database down. The message says cause and fix; nothing was stored.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A watch asked for a revision that is no longer remembered: list again.</summary>
public sealed class StoreCompactedException(long revision, long oldest)
    : Exception($"revision {revision} has been compacted; the oldest is {oldest}")
{
    public long Revision { get; } = revision;
    public long Oldest { get; } = oldest;
}
