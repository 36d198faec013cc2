using System.IO.Pipelines;

namespace Bramble.Supervisor.Tunnel;

/// <summary>One connection through a tunnel, as a stream. There is no half-close: the protocol's end ends both directions.</summary>
/// <remarks>The session's read loop never waits for a slow reader here: above <see cref="PauseAbove"/> bytes the other side is asked to pause.
/// One reader, one writer.</remarks>
internal sealed class TunnelStream(TunnelSession session, long id) : Stream
{
    private const int PauseAbove = 512 * 1024, ResumeBelow = 128 * 1024;
    private const int FrameBytesMax = 32 * 1024;

    private readonly Pipe _incoming = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private readonly Lock _gate = new();
    private int _buffered;
    private bool _askedToPause, _isClosed;
    // Completed while the other side takes more.
    private TaskCompletionSource _mayWrite = Open();

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Called by the session's read loop only.</summary>
    public void Take(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (_isClosed) return;
            bytes.CopyTo(_incoming.Writer.GetSpan(bytes.Length));
            _incoming.Writer.Advance(bytes.Length);
            _buffered += bytes.Length;
            if (_buffered > PauseAbove && !_askedToPause)
            {
                _askedToPause = true;
                session.Post(id, FrameType.Pause, default);
            }
            // No threshold: it has always happened when this returns; the reader goes on elsewhere.
            _ = _incoming.Writer.FlushAsync();
        }
    }

    public void TakePause()
    {
        lock (_gate)
            if (_mayWrite.Task.IsCompleted && !_isClosed) _mayWrite = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void TakeResume()
    {
        lock (_gate) _mayWrite.TrySetResult();
    }

    /// <summary>The other side's end. What it sent before can still be read. <paramref name="error"/> null: orderly.</summary>
    public void TakeEnd(string? error)
    {
        lock (_gate)
        {
            if (_isClosed) return;
            _isClosed = true;
            _mayWrite.TrySetResult();
            _incoming.Writer.Complete(error is null ? null : new IOException(error));
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancel = default)
    {
        if (buffer.Length == 0) return 0;
        var result = await _incoming.Reader.ReadAsync(cancel);
        var count = (int)Math.Min(result.Buffer.Length, buffer.Length);
        var taken = result.Buffer.Slice(0, count);
        foreach (var part in taken)
        {
            part.Span.CopyTo(buffer.Span);
            buffer = buffer[part.Length..];
        }
        _incoming.Reader.AdvanceTo(taken.End);
        lock (_gate)
        {
            _buffered -= count;
            if (_askedToPause && _buffered < ResumeBelow)
            {
                _askedToPause = false;
                session.Post(id, FrameType.Resume, default);
            }
        }
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancel = default)
    {
        while (buffer.Length > 0)
        {
            await _mayWrite.Task.WaitAsync(cancel);
            if (_isClosed) throw new IOException("the connection through the tunnel has ended");
            var part = buffer[..Math.Min(buffer.Length, FrameBytesMax)];
            await session.SendAsync(id, FrameType.Data, part, cancel);
            buffer = buffer[part.Length..];
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancel) => WriteAsync(buffer.AsMemory(offset, count), cancel).AsTask();
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancel) => ReadAsync(buffer.AsMemory(offset, count), cancel).AsTask();
    public override Task FlushAsync(CancellationToken cancel) => Task.CompletedTask;
    public override void Flush() { }
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("a tunnel is read asynchronously");
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("a tunnel is written asynchronously");
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            bool tells;
            lock (_gate)
            {
                tells = !_isClosed;
                _isClosed = true;
                _mayWrite.TrySetResult();
                if (tells) _incoming.Writer.Complete();
            }
            if (tells) session.Post(id, FrameType.Error, "EOF"u8.ToArray());
            session.Forget(id);
        }
        base.Dispose(disposing);
    }

    private static TaskCompletionSource Open()
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        source.SetResult();
        return source;
    }
}
