namespace Bramble.Client.Http;

/// <summary>Lines of a stream as bytes; a line may be as long as an object (up to 16 MB: three times the largest that a server stores).</summary>
internal sealed class LineReader(Stream stream)
{
    private const int LineBytesMax = 16 << 20;

    private byte[] _buffer = new byte[16 << 10];
    private int _start, _end, _scanned;

    /// <summary>Null at the end of the stream. The line is the caller's own copy.</summary>
    public async ValueTask<byte[]?> ReadAsync(CancellationToken cancel)
    {
        while (true)
        {
            var newline = Array.IndexOf(_buffer, (byte)'\n', _scanned, _end - _scanned);
            if (newline >= 0)
            {
                var line = _buffer.AsSpan(_start, newline - _start).ToArray();
                _start = _scanned = newline + 1;
                return line;
            }
            _scanned = _end;
            MakeRoom();
            var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancel);
            if (read == 0) return null;     // what follows the last newline was cut off
            _end += read;
        }
    }

    private void MakeRoom()
    {
        if (_start > 0)
        {
            Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
            _end -= _start;
            _scanned -= _start;
            _start = 0;
        }
        if (_end < _buffer.Length) return;
        if (_buffer.Length >= LineBytesMax) throw new IOException($"a watch event is longer than {LineBytesMax} bytes");
        Array.Resize(ref _buffer, _buffer.Length * 2);
    }
}
