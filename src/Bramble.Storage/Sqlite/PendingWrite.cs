namespace Bramble.Storage.Sqlite;

/// <summary>A write in the queue. The value is the store's own copy, because the caller's buffer may be pooled.</summary>
internal sealed class PendingWrite
{
    public required string Key { get; init; }
    public ReadOnlyMemory<byte> Value { get; init; }
    public long Expected { get; init; }
    public bool IsDelete { get; init; }
    public bool IsLazy { get; init; }

    /// <summary>Writes nothing of its own: makes the lazy writes durable.</summary>
    public bool IsFlush { get; init; }

    public WriteResult Result { get; set; }
    public TaskCompletionSource<WriteResult> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static PendingWrite Put(string key, ReadOnlyMemory<byte> value, long expected, bool isLazy) =>
        new() { Key = key, Value = value.ToArray(), Expected = expected, IsLazy = isLazy };

    public static PendingWrite Delete(string key, long expected) => new() { Key = key, Expected = expected, IsDelete = true };

    public static PendingWrite Flush()
    {
        var flush = new PendingWrite { Key = "", IsFlush = true };
        // Nobody waits for it; a failure is told by the store itself.
        _ = flush.Done.Task.ContinueWith(t => t.Exception, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously);
        return flush;
    }
}
