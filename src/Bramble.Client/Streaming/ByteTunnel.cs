using System.Buffers;

namespace Bramble.Client.Streaming;

/// <summary>Carries bytes both ways between two connections until one side ends. Knows nothing of what it carries.</summary>
public static class ByteTunnel
{
    private const int BufferBytes = 32 * 1024;

    public delegate ValueTask<int> ReadBytes(Memory<byte> buffer, CancellationToken cancel);

    public delegate ValueTask WriteBytes(ReadOnlyMemory<byte> bytes, CancellationToken cancel);

    /// <summary>Returns when either side has closed or failed; the caller then closes both.</summary>
    public static async Task RunAsync(ReadBytes readLeft, WriteBytes writeLeft, ReadBytes readRight, WriteBytes writeRight, CancellationToken cancel)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var there = CopyAsync(readLeft, writeRight, ended.Token);
        var back = CopyAsync(readRight, writeLeft, ended.Token);
        await Task.WhenAny(there, back);
        await ended.CancelAsync();
        await Task.WhenAll(there, back);
    }

    /// <summary>A side that breaks off is the end of the tunnel, not a failure: the other side sees its connection close.</summary>
    private static async Task CopyAsync(ReadBytes read, WriteBytes write, CancellationToken cancel)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (await read(buffer, cancel) is > 0 and var count) await write(buffer.AsMemory(0, count), cancel);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or System.Net.WebSockets.WebSocketException)
        {
            // The peer is gone or we are ending.
            return;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }
}
