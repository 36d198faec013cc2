using System.Security.Cryptography;
using System.Text;

namespace Bramble.ApiServer.Aggregation;

/// <summary>HttpClient writes several values of a header as one line with commas. A server behind the front proxy reads that as one group of an odd name, so each group needs a line of its own:
/// the values are joined by a mark that no value can hold, and the mark becomes the end of a line and the start of the next as the request's head leaves (it leaves in one piece).</summary>
internal static class SeparateLines
{
    private static readonly string Mark = $"~{Convert.ToHexString(RandomNumberGenerator.GetBytes(16))}~";

    /// <summary>One header line a value.</summary>
    public static void Add(HttpRequestMessage message, IEnumerable<KeyValuePair<string, string>> headers)
    {
        foreach (var header in headers.GroupBy(header => header.Key, header => header.Value, StringComparer.OrdinalIgnoreCase))
            message.Headers.TryAddWithoutValidation(header.Key, string.Join($"{Mark}{header.Key}: ", header));
    }

    /// <summary>For <see cref="SocketsHttpHandler.PlaintextStreamFilter"/>.</summary>
    public static Stream Wrap(Stream stream) => new Writer(stream);

    private sealed class Writer(Stream inner) : Stream
    {
        private static readonly byte[] MarkBytes = Encoding.ASCII.GetBytes(Mark);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancel = default)
        {
            if (buffer.Span.IndexOf(MarkBytes) < 0)
            {
                await inner.WriteAsync(buffer, cancel);
                return;
            }

            var whole = new MemoryStream(buffer.Length);
            while (buffer.Span.IndexOf(MarkBytes) is >= 0 and var at)
            {
                whole.Write(buffer.Span[..at]);
                whole.Write("\r\n"u8);
                buffer = buffer[(at + MarkBytes.Length)..];
            }

            whole.Write(buffer.Span);
            await inner.WriteAsync(whole.GetBuffer().AsMemory(0, (int)whole.Length), cancel);
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() => inner.Flush();
        public override Task FlushAsync(CancellationToken cancel) => inner.FlushAsync(cancel);
        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancel = default) => inner.ReadAsync(buffer, cancel);
        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancel) => inner.ReadAsync(buffer, offset, count, cancel);
        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancel) => WriteAsync(buffer.AsMemory(offset, count), cancel).AsTask();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("requests are sent asynchronously");
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();

        public override ValueTask DisposeAsync() => inner.DisposeAsync();

        protected override void Dispose(bool disposing)
        {
            if (disposing) inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
