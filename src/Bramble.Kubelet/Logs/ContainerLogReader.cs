using System.Buffers;
using System.Threading.Channels;

namespace Bramble.Kubelet.Logs;

/// <summary>Writes a container's log to a client: from where it was asked, line by line, and on while the container runs. The file's growth is told by
/// inotify; its rotation is followed. One reader a request.</summary>
internal sealed class ContainerLogReader(string path, LogOptions options, Stream output)
{
    private const int ReadSize = 32 << 10;
    private const int TailBlock = 8 << 10;

    private long _left = options.LimitBytes ?? long.MaxValue;
    private bool _isMidLine;

    /// <param name="isRunning">Whether more can come.</param>
    /// <param name="changes">Signals that the container's state has changed.</param>
    public async Task ReadAsync(Func<Task<bool>> isRunning, ChannelReader<bool> changes, CancellationToken cancel)
    {
        var grown = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        using var watcher = options.Follow ? Watch(grown.Writer) : null;
        var file = Open();
        try
        {
            if (options.TailLines is { } lines) file.Position = TailStart(file, lines);
            var pending = new ArrayBufferWriter<byte>(ReadSize);
            while (true)
            {
                var isMore = await CopyAsync(file, pending, cancel);
                if (_left <= 0 || !options.Follow) break;
                if (isMore) continue;
                await output.FlushAsync(cancel);
                if (Rotated(file))
                {
                    // Once there is a new file, the old one grows no more: its end was perhaps written since.
                    if (await CopyAsync(file, pending, cancel)) continue;
                    await file.DisposeAsync();
                    file = Open();
                    continue;
                }
                var wasRunning = await isRunning();
                // What was written between the last read and the end is still to be read.
                if (await CopyAsync(file, pending, cancel)) continue;
                if (!wasRunning) break;
                await WaitAsync(grown.Reader, changes, cancel);
            }
            if (pending.WrittenCount > 0) Write(pending.WrittenSpan);
            await output.FlushAsync(cancel);
        }
        finally
        {
            await file.DisposeAsync();
        }
    }

    private FileStream Open() => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private FileSystemWatcher Watch(ChannelWriter<bool> grown)
    {
        var watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!) { NotifyFilter = NotifyFilters.Size | NotifyFilters.LastWrite | NotifyFilters.FileName };
        watcher.Changed += (_, _) => grown.TryWrite(true);
        watcher.Created += (_, _) => grown.TryWrite(true);
        watcher.EnableRaisingEvents = true;
        return watcher;
    }

    private static async Task WaitAsync(ChannelReader<bool> grown, ChannelReader<bool> changes, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // 10 s: a safety net for a lost event.
        await Task.WhenAny(
            grown.WaitToReadAsync(stop.Token).AsTask(), changes.WaitToReadAsync(stop.Token).AsTask(), Task.Delay(TimeSpan.FromSeconds(10), stop.Token));
        await stop.CancelAsync();
        grown.TryRead(out _);
        changes.TryRead(out _);
        cancel.ThrowIfCancellationRequested();
    }

    /// <summary>The file that is read has another name by now, and the runtime has opened a new one under the old name.</summary>
    private bool Rotated(FileStream file) =>
        File.Exists(path) && new FileInfo($"/proc/self/fd/{file.SafeFileHandle.DangerousGetHandle()}").LinkTarget is { } name && name != Path.GetFullPath(path);

    /// <returns>Whether anything was there.</returns>
    private async Task<bool> CopyAsync(FileStream file, ArrayBufferWriter<byte> pending, CancellationToken cancel)
    {
        var isAny = false;
        while (_left > 0)
        {
            var length = await file.ReadAsync(pending.GetMemory(ReadSize), cancel);
            if (length == 0) break;
            isAny = true;
            pending.Advance(length);
            var consumed = WriteLines(pending.WrittenSpan);
            if (consumed > 0)
            {
                var rest = pending.WrittenSpan[consumed..].ToArray();
                pending.ResetWrittenCount();
                pending.Write(rest);
            }
        }
        return isAny;
    }

    private int WriteLines(ReadOnlySpan<byte> data)
    {
        var start = 0;
        while (_left > 0 && data[start..].IndexOf((byte)'\n') is >= 0 and var end)
        {
            Write(data.Slice(start, end));
            start += end + 1;
        }
        return start;
    }

    private void Write(ReadOnlySpan<byte> raw)
    {
        if (!CriLogLine.TryParse(raw, out var line)) return;
        if (line.IsStderr ? !options.Stderr : !options.Stdout) return;
        if (options.Since is { } since && line.At() is { } at && at < since) return;
        if (options.Timestamps && !_isMidLine)
        {
            Emit(line.Time);
            Emit(" "u8);
        }
        Emit(line.Text);
        if (!line.IsPartial) Emit("\n"u8);
        _isMidLine = line.IsPartial;
    }

    private void Emit(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _left) bytes = bytes[..(int)_left];
        output.Write(bytes);
        _left -= bytes.Length;
    }

    /// <summary>Where the last <paramref name="lines"/> lines begin: read backwards in blocks.</summary>
    internal static long TailStart(Stream file, long lines)
    {
        var end = file.Length;
        if (lines <= 0) return end;
        var block = new byte[TailBlock];
        // The line feed that ends the last line does not begin another.
        long count = -1;
        for (var at = end; at > 0;)
        {
            var size = (int)Math.Min(TailBlock, at);
            at -= size;
            file.Position = at;
            file.ReadExactly(block, 0, size);
            for (var i = size - 1; i >= 0; i--)
            {
                if (block[i] != (byte)'\n' || ++count < lines) continue;
                return at + i + 1;
            }
        }
        return 0;
    }
}
