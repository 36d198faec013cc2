using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using System.Net.Sockets;
using Bramble.Network.Ingress.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>How an attempt ended.</summary>
internal enum ForwardResult
{
    Done,

    /// <summary>No connection came about: nothing was sent.</summary>
    Unreached,

    /// <summary>A kept connection was closed just as the request came: not one byte was answered.</summary>
    Unanswered,

    /// <summary>The answer was no HTTP, or ended before its head did.</summary>
    Failed,

    /// <summary>The request itself cannot be sent on.</summary>
    BadRequest,
}

/// <summary>Plain requests to backends that speak HTTP/1.1: bytes in, bytes out, each part passed on as it comes, in both directions at once. Upgrades, TLS and
/// HTTP/2 to backends go through YARP.</summary>
/// <remarks>Beside YARP because it is the way of nearly every request: half the CPU, and HttpClient keeps small parts of an upload for itself until there are more.</remarks>
internal sealed class Http1Forwarder(TimeProvider time) : IDisposable
{
    // A pod of this cluster is a millisecond away or it is not there: the next one is asked.
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(3);

    private static readonly byte[] LastChunk = "0\r\n\r\n"u8.ToArray(), LineEnd = "\r\n"u8.ToArray();

    private readonly IdleConnections _idle = new(time);

    public void Dispose() => _idle.Dispose();

    /// <exception cref="OperationCanceledException">Client gone, or deadline.</exception>
    public async Task<ForwardResult> SendAsync(HttpContext http, string target, RequestChanges changes, BackendEndpoint endpoint, CancellationToken cancel)
    {
        var connection = _idle.Take(endpoint.Address);
        try
        {
            connection ??= await BackendConnection.OpenAsync(endpoint.Address, ConnectPatience, cancel);
        }
        catch (Exception error) when (error is SocketException || error is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            return ForwardResult.Unreached;
        }
        var isReusable = false;
        using var exchange = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false ? CancellationTokenSource.CreateLinkedTokenSource(cancel) : null;
        var upload = Task.CompletedTask;
        try
        {
            var isChunked = exchange is not null && http.Request.ContentLength is null;
            var head = connection.Head;
            head.ResetWrittenCount();
            try
            {
                Http1Head.WriteRequest(head, http.Request, target, changes.Host ?? http.Request.Host.Value ?? "", isChunked);
            }
            catch (FormatException)
            {
                return ForwardResult.BadRequest;
            }
            await connection.SendAsync(head.WrittenMemory, cancel);
            if (exchange is not null) upload = UploadAsync(http.Request.BodyReader, connection, isChunked, exchange.Token);
            if (await ReadHeadAsync(connection, http, cancel) is not { } answer) return connection.IsUsed ? ForwardResult.Unanswered : ForwardResult.Failed;
            changes.Response?.Apply(http.Response.Headers);
            http.Response.StatusCode = answer.Status;
            var isOpen = await DownloadAsync(connection, http, answer, cancel);
            isReusable = isOpen && answer.KeepsConnection && upload.IsCompletedSuccessfully;
            return ForwardResult.Done;
        }
        catch (Exception error) when (error is SocketException or BadAnswerException && !http.Response.HasStarted)
        {
            return error is SocketException && connection.IsUsed && connection.Unread.Length == 0 ? ForwardResult.Unanswered : ForwardResult.Failed;
        }
        catch (Exception error) when (error is SocketException or BadAnswerException)
        {
            // The client must see that the answer is not whole.
            http.Abort();
            return ForwardResult.Done;
        }
        finally
        {
            // The backend has answered without reading on, or is gone.
            if (!upload.IsCompleted) await exchange!.CancelAsync();
            await upload.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (isReusable) _idle.Return(endpoint.Address, connection);
            else connection.Dispose();
        }
    }

    private static async Task UploadAsync(PipeReader body, BackendConnection connection, bool isChunked, CancellationToken cancel)
    {
        var size = isChunked ? new byte[20] : null;
        while (true)
        {
            var read = await body.ReadAsync(cancel);
            foreach (var part in read.Buffer)
            {
                if (part.Length == 0) continue;
                if (size is not null)
                {
                    Utf8Formatter.TryFormat(part.Length, size, out var digits, new StandardFormat('x'));
                    LineEnd.CopyTo(size, digits);
                    await connection.SendAsync(size.AsMemory(0, digits + 2), cancel);
                }
                await connection.SendAsync(part, cancel);
                if (size is not null) await connection.SendAsync(LineEnd, cancel);
            }
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) break;
        }
        if (isChunked) await connection.SendAsync(LastChunk, cancel);
    }

    /// <summary>Null: the backend closed without a word.</summary>
    private static async ValueTask<AnswerHead?> ReadHeadAsync(BackendConnection connection, HttpContext http, CancellationToken cancel)
    {
        while (true)
        {
            int end;
            while ((end = connection.Unread.IndexOf("\r\n\r\n"u8)) < 0)
                if (!await connection.FillAsync(cancel)) return connection.Unread.Length == 0 ? null : throw new BadAnswerException("it ended within its head");
            var head = connection.Unread[..(end + 4)];
            // 100 Continue and its like say nothing to the client, whom Kestrel has told itself.
            var isInterim = head.Length > 9 && head[9] == '1';
            var answer = Http1Head.ReadAnswer(head, isInterim ? null : http.Response.Headers);
            connection.Consume(end + 4);
            if (!isInterim) return answer;
            if (answer.Status == 101) throw new BadAnswerException("it switches protocols unasked");
        }
    }

    /// <summary>The body; false: the connection has ended with it.</summary>
    private static async ValueTask<bool> DownloadAsync(BackendConnection connection, HttpContext http, AnswerHead answer, CancellationToken cancel)
    {
        if (answer.Status is 204 or 304 || HttpMethods.IsHead(http.Request.Method)) return true;
        var client = http.Response.BodyWriter;
        if (answer.IsChunked) await DownloadChunksAsync(connection, client, cancel);
        else if (answer.Length is { } length) await CopyAsync(connection, client, length, cancel);
        else
        {
            do await PassAsync(connection, client, int.MaxValue, cancel);
            while (await connection.FillAsync(cancel));
            return false;
        }
        return true;
    }

    private static async ValueTask CopyAsync(BackendConnection connection, PipeWriter client, long count, CancellationToken cancel)
    {
        while (count > 0)
        {
            if (connection.Unread.Length == 0 && !await connection.FillAsync(cancel)) throw new BadAnswerException("it ended within its body");
            if (connection.Unread.Length >= count)
            {
                // The last part goes with the end of the answer.
                Put(client, connection.Unread[..(int)count]);
                connection.Consume((int)count);
                return;
            }
            count -= await PassAsync(connection, client, count, cancel);
        }
    }

    /// <summary>What has come goes to the client at once.</summary>
    private static async ValueTask<int> PassAsync(BackendConnection connection, PipeWriter client, long most, CancellationToken cancel)
    {
        var count = (int)Math.Min(connection.Unread.Length, most);
        if (count == 0) return 0;
        Put(client, connection.Unread[..count]);
        connection.Consume(count);
        var flushed = await client.FlushAsync(cancel);
        // The client has gone; Kestrel says so by its token too, but maybe later.
        if (flushed.IsCompleted) throw new OperationCanceledException();
        return count;
    }

    // In pieces whose size is asked for: Kestrel's writer, asked for "some" memory, may have none left in the chunk that it has begun.
    private static void Put(PipeWriter client, ReadOnlySpan<byte> bytes)
    {
        const int pieceBytesMax = 2048;
        while (bytes.Length > 0)
        {
            var piece = bytes[..Math.Min(bytes.Length, pieceBytesMax)];
            piece.CopyTo(client.GetSpan(piece.Length));
            client.Advance(piece.Length);
            bytes = bytes[piece.Length..];
        }
    }

    private static async ValueTask DownloadChunksAsync(BackendConnection connection, PipeWriter client, CancellationToken cancel)
    {
        while (true)
        {
            var line = await LineAsync(connection, cancel);
            if (!Utf8Parser.TryParse(connection.Unread[..line], out long size, out var used, 'x') || used == 0 || size < 0 || used < line && connection.Unread[used] is not ((byte)';' or (byte)' '))
                throw new BadAnswerException("a chunk has no size");
            connection.Consume(line + 2);
            if (size == 0) break;
            for (var left = size; left > 0;)
            {
                if (connection.Unread.Length == 0)
                {
                    // All that came is passed on before the next part is waited for.
                    if ((await client.FlushAsync(cancel)).IsCompleted) throw new OperationCanceledException();
                    if (!await connection.FillAsync(cancel)) throw new BadAnswerException("it ended within a chunk");
                }
                var count = (int)Math.Min(connection.Unread.Length, left);
                Put(client, connection.Unread[..count]);
                connection.Consume(count);
                left -= count;
            }
            if (await LineAsync(connection, cancel, client) != 0) throw new BadAnswerException("a chunk is longer than its size");
            connection.Consume(2);
            if (connection.Unread.Length == 0 && (await client.FlushAsync(cancel)).IsCompleted) throw new OperationCanceledException();
        }
        // Trailers end with an empty line; a plain answer's are not passed on.
        for (var line = await LineAsync(connection, cancel); line > 0; line = await LineAsync(connection, cancel)) connection.Consume(line + 2);
        connection.Consume(2);
    }

    /// <summary>Length of the line that begins the unread bytes, all of which is there then.</summary>
    private static async ValueTask<int> LineAsync(BackendConnection connection, CancellationToken cancel, PipeWriter? client = null)
    {
        int end;
        while ((end = connection.Unread.IndexOf("\r\n"u8)) < 0)
        {
            if (connection.Unread.Length > 4096) throw new BadAnswerException("a line of its chunks is too long");
            if (client is not null && (await client.FlushAsync(cancel)).IsCompleted) throw new OperationCanceledException();
            if (!await connection.FillAsync(cancel)) throw new BadAnswerException("it ended between chunks");
        }
        return end;
    }
}
