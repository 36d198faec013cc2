using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Bramble.Storage.Sqlite;

/// <summary>The embedded store: one file, one writer, group commit, current state only. When a durable write returns it survives kill -9 and power loss.
/// Lazy writes are visible at once and ride with the next durable commit or a clean stop, after ten minutes at the latest.
/// No revision is ever given out twice: they are reserved durably in blocks, and a start goes on above the block.</summary>
/// <remarks>One task owns all writing. Readers (caches that fill at start, and few else) share the connection under a lock, so a list is of one revision.
/// The queue is bounded at 1024 writes: when it is full, callers wait.</remarks>
public sealed class SqliteStore : IStore
{
    private const int BatchMax = 256;
    private const int BlockRevisions = 50_000;
    private const int LazyMax = 4096;
    private const long LazyBytesMax = 4 << 20;
    private static readonly TimeSpan LazyDelayMax = TimeSpan.FromMinutes(10);

    private readonly SqliteDatabase _database;
    private readonly ILogger _log;
    private readonly Lock _gate = new();            // guards _database and _lazy
    private readonly Dictionary<string, StoreEntry> _lazy = new(StringComparer.Ordinal);
    private readonly EventLog _events;
    private readonly Channel<PendingWrite> _queue = Channel.CreateBounded<PendingWrite>(new BoundedChannelOptions(1024) { SingleReader = true });
    private readonly ITimer _lazyTimer;
    private readonly Task _writing;
    private long _lazyBytes;
    private long _last;             // the highest revision that was given to any attempt
    private long _reserved;
    private bool _isUnavailable;
    private int _isDisposed;

    private SqliteStore(SqliteDatabase database, TimeProvider time, ILogger log)
    {
        _database = database;
        _log = log;
        _last = _reserved = database.Reserved;
        _events = new EventLog(_last);
        _lazyTimer = time.CreateTimer(_ => _queue.Writer.TryWrite(PendingWrite.Flush()), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Opens the file, and makes it when it is not there (folders too, 0700). SQLitePCL's provider must have been set.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be opened, is in use or damaged; the message says what to do.</exception>
    public static SqliteStore Open(string path, TimeProvider time, ILoggerFactory logs)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder)) Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (!File.Exists(path))
            File.Open(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }).Dispose();
        return new SqliteStore(SqliteDatabase.Open(path), time, logs.CreateLogger("store"));
    }

    public long CurrentRevision => _events.CurrentRevision;

    public ValueTask<long> ReadRevisionAsync(CancellationToken cancel) => new(CurrentRevision);

    public ValueTask<StoreEntry?> FindAsync(string key, CancellationToken cancel)
    {
        lock (_gate) return new(FindLocked(key));
    }

    public ValueTask<StoreList> ListAsync(string prefix, CancellationToken cancel)
    {
        lock (_gate)
        {
            var found = _database.List(prefix);
            var lazy = _lazy.Values.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(e => e.Key, StringComparer.Ordinal);
            if (lazy.Count > 0)
            {
                for (var i = 0; i < found.Count; i++)
                    if (lazy.Remove(found[i].Key, out var newer)) found[i] = newer;
                found.AddRange(lazy.Values);
                found.Sort((a, b) => string.CompareOrdinal(a.Key, b.Key));
            }
            return new(new StoreList(found, CurrentRevision));
        }
    }

    public ValueTask<WriteResult> PutAsync(string key, ReadOnlyMemory<byte> value, long expected, Durability durability, CancellationToken cancel) =>
        AddAsync(PendingWrite.Put(key, value, expected, durability == Durability.Lazy), cancel);

    public ValueTask<WriteResult> DeleteAsync(string key, long expected, CancellationToken cancel) => AddAsync(PendingWrite.Delete(key, expected), cancel);

    public IAsyncEnumerable<IReadOnlyList<StoreEvent>> WatchAsync(long afterRevision, CancellationToken cancel) => _events.WatchAsync(afterRevision, cancel);

    /// <summary>Finishes what is queued and makes the lazy writes durable.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _queue.Writer.Complete();
        await _writing;
        await _lazyTimer.DisposeAsync();
        lock (_gate)
        {
            try
            {
                _database.Begin();
                foreach (var entry in _lazy.Values) _database.Put(entry);
                _database.Reserve(_last);       // nothing above has been given out: the next start need not skip the block
                _database.Commit();
            }
            catch (StoreUnavailableException e)
            {
                StorageLog.LazyWritesLost(_log, _lazy.Count, e.Message);
            }
            _database.Dispose();
        }
    }

    /// <summary>For tests of a full disk.</summary>
    internal void LimitPages(int pagesMax)
    {
        lock (_gate) _database.LimitPages(pagesMax);
    }

    private async ValueTask<WriteResult> AddAsync(PendingWrite write, CancellationToken cancel)
    {
        try
        {
            await _queue.Writer.WriteAsync(write, cancel);
        }
        catch (ChannelClosedException)
        {
            throw new StoreUnavailableException("the store is closed: the server is stopping");
        }
        // From here on the write may happen; giving up waiting would leave the caller in doubt for the length of one commit at most.
        return await write.Done.Task;
    }

    private async Task WriteAsync()
    {
        var batch = new List<PendingWrite>(BatchMax);
        var events = new List<StoreEvent>(BatchMax);
        while (await _queue.Reader.WaitToReadAsync())
        {
            batch.Clear();
            events.Clear();
            while (batch.Count < BatchMax && _queue.Reader.TryRead(out var write)) batch.Add(write);
            lock (_gate)
            {
                try
                {
                    if (NeedsCommit(batch)) CommitDurably(batch, events);
                    else HoldLazily(batch, events);
                    _events.Append(events);
                }
                catch (StoreUnavailableException e)
                {
                    Fail(batch, e);
                    continue;
                }
            }
            foreach (var write in batch) write.Done.TrySetResult(write.Result);
            if (_isUnavailable)
            {
                _isUnavailable = false;
                StorageLog.AvailableAgain(_log);
            }
        }
    }

    private bool NeedsCommit(List<PendingWrite> batch) =>
        batch.Exists(w => !w.IsLazy) || _last + batch.Count > _reserved || _lazy.Count + batch.Count > LazyMax || _lazyBytes > LazyBytesMax;

    private void CommitDurably(List<PendingWrite> batch, List<StoreEvent> events)
    {
        try
        {
            _database.Begin();
            foreach (var entry in _lazy.Values) _database.Put(entry);
            var reserved = _reserved;
            if (_last + batch.Count > reserved) _database.Reserve(reserved = _last + batch.Count + BlockRevisions);
            foreach (var write in batch)
            {
                if (write.IsFlush) continue;
                var old = _database.Find(write.Key);
                if (!Decide(write, old, events)) continue;
                if (write.IsDelete) _database.Delete(write.Key);
                else _database.Put(write.Result.Current!.Value);
            }
            _database.Commit();
            _reserved = reserved;
        }
        catch (StoreUnavailableException)
        {
            _database.RollBack();
            throw;
        }
        _lazy.Clear();
        _lazyBytes = 0;
        _lazyTimer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private void HoldLazily(List<PendingWrite> batch, List<StoreEvent> events)
    {
        if (_lazy.Count == 0) _lazyTimer.Change(LazyDelayMax, Timeout.InfiniteTimeSpan);
        foreach (var write in batch)
        {
            if (!Decide(write, FindLocked(write.Key), events)) continue;
            _lazy[write.Key] = write.Result.Current!.Value;
            _lazyBytes += write.Value.Length;
        }
    }

    /// <summary>Compares with what is there and fills in the result. A revision that was given to an attempt is never given again, even when the commit
    /// fails: a failed fsync does not tell whether the data reached the disk.</summary>
    /// <returns>True: to be written.</returns>
    private bool Decide(PendingWrite write, StoreEntry? old, List<StoreEvent> events)
    {
        if ((old?.Revision ?? 0) != write.Expected || (write.IsDelete && old is null))
        {
            write.Result = new WriteResult(false, CurrentRevision, old);
            return false;
        }
        var revision = ++_last;
        if (write.IsDelete)
        {
            write.Result = new WriteResult(true, revision, old);
            events.Add(new StoreEvent(write.Key, old!.Value.Value, old.Value.Value, revision, false, true));
        }
        else
        {
            write.Result = new WriteResult(true, revision, new StoreEntry(write.Key, write.Value, revision));
            events.Add(new StoreEvent(write.Key, write.Value, old?.Value ?? default, revision, old is null, false));
        }
        return true;
    }

    private StoreEntry? FindLocked(string key) => _lazy.TryGetValue(key, out var lazy) ? lazy : _database.Find(key);

    private void Fail(List<PendingWrite> batch, StoreUnavailableException error)
    {
        if (!_isUnavailable) StorageLog.Unavailable(_log, error.Message);
        _isUnavailable = true;
        foreach (var write in batch) write.Done.TrySetException(new StoreUnavailableException(error.Message, error));
        if (_lazy.Count > 0) _lazyTimer.Change(TimeSpan.FromMinutes(1), Timeout.InfiniteTimeSpan);
    }
}
