using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>HTTP/2 on the port without TLS, for clients that know beforehand that it is spoken (RFC 9113 3.3; gRPC inside a house). Kestrel speaks one protocol
/// on such a port: a connection that begins with HTTP/2's preface is handed to a second endpoint, which has no port. Nothing is copied.</summary>
/// <param name="patience">How long a client may be silent before its first bytes.</param>
internal sealed class PriorKnowledge(TimeSpan patience, TimeProvider time) : IConnectionListener
{
    // Kestrel's accepting loop empties it at once; full (or closed by a stop), a connection is not taken.
    private readonly Channel<ConnectionContext> _handed = Channel.CreateBounded<ConnectionContext>(1024);

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public EndPoint EndPoint { get; } = new Http2EndPoint();

    /// <summary>In front of the endpoint of HTTP/1.1.</summary>
    public ConnectionDelegate Divert(ConnectionDelegate http1) => async connection =>
    {
        switch (await HasPrefaceAsync(connection))
        {
            case true:
                var handed = new HandedConnection(connection);
                if (_handed.Writer.TryWrite(handed)) await handed.Ended;
                else connection.Abort(new ConnectionAbortedException("the server is stopping or overloaded"));
                break;
            case false:
                await http1(connection);
                break;
            default:
                connection.Abort(new ConnectionAbortedException("the client says nothing"));
                break;
        }
    };

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancel = default) =>
        await _handed.Reader.WaitToReadAsync(cancel) && _handed.Reader.TryRead(out var connection) ? connection : null;

    public ValueTask UnbindAsync(CancellationToken cancel = default)
    {
        _handed.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    /// <summary>Looks at the first bytes and leaves them where they are. Null: none came in time, or the client has gone.</summary>
    private async ValueTask<bool?> HasPrefaceAsync(ConnectionContext connection)
    {
        var input = connection.Transport.Input;
        // A server that stops closes those who wait: HTTP/1.1's part knows how.
        using var closing = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested.UnsafeRegister(static input => ((PipeReader)input!).CancelPendingRead(), input);
        using var limit = new CancellationTokenSource(patience, time);
        while (true)
        {
            ReadResult read;
            try
            {
                read = await input.ReadAsync(limit.Token);
            }
            catch (Exception error) when (error is OperationCanceledException or IOException)
            {
                return null;
            }
            var found = read.IsCanceled || read.IsCompleted ? false : BeginsWithPreface(read.Buffer);
            input.AdvanceTo(read.Buffer.Start, found is null ? read.Buffer.End : read.Buffer.Start);
            if (found is not null) return found;
        }
    }

    /// <summary>Null: it may become one.</summary>
    private static bool? BeginsWithPreface(ReadOnlySequence<byte> bytes)
    {
        Span<byte> start = stackalloc byte[(int)Math.Min(bytes.Length, Preface.Length)];
        bytes.Slice(0, start.Length).CopyTo(start);
        return !Preface.StartsWith(start) ? false : start.Length == Preface.Length ? true : null;
    }

    private sealed class Http2EndPoint : EndPoint
    {
        public override string ToString() => "http2-prior-knowledge";
    }

    /// <summary>The same connection for the second endpoint; the first one ends it when the second has.</summary>
    private sealed class HandedConnection(ConnectionContext connection) : ConnectionContext
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ended => _ended.Task;

        public override string ConnectionId { get => connection.ConnectionId; set => connection.ConnectionId = value; }
        public override IFeatureCollection Features => connection.Features;
        public override IDictionary<object, object?> Items { get => connection.Items; set => connection.Items = value; }
        public override IDuplexPipe Transport { get => connection.Transport; set => connection.Transport = value; }
        public override EndPoint? LocalEndPoint { get => connection.LocalEndPoint; set => connection.LocalEndPoint = value; }
        public override EndPoint? RemoteEndPoint { get => connection.RemoteEndPoint; set => connection.RemoteEndPoint = value; }
        public override CancellationToken ConnectionClosed { get => connection.ConnectionClosed; set => connection.ConnectionClosed = value; }

        public override void Abort(ConnectionAbortedException abortReason) => connection.Abort(abortReason);

        public override ValueTask DisposeAsync()
        {
            _ended.TrySetResult();
            return ValueTask.CompletedTask;
        }
    }
}
