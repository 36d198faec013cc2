using System.Text;
using System.Threading.Channels;
using Bramble.Kubelet.Logs;
using CsCheck;

namespace Bramble.Kubelet.Tests.Logs;

public sealed class ContainerLogReaderTests : IDisposable
{
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("logs").FullName, "0.log");

    private const string Log =
        "2026-11-23T10:00:00.000000001Z stdout F one\n2026-11-23T10:00:01Z stderr F bad\n2026-11-23T10:00:02Z stdout P tw\n2026-11-23T10:00:02Z stdout F o\n2026-11-23T10:00:03Z stdout F three\n";

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Theory]
    [InlineData("", "one\nbad\ntwo\nthree\n")]
    [InlineData("tailLines=1", "three\n")]
    [InlineData("tailLines=0", "")]
    [InlineData("stream=Stderr", "bad\n")]
    [InlineData("limitBytes=5", "one\nb")]
    [InlineData("sinceTime=2026-11-23T10:00:02Z", "two\nthree\n")]
    [InlineData("timestamps=true&tailLines=3", "2026-11-23T10:00:02Z two\n2026-11-23T10:00:03Z three\n")]
    public async Task Reads(string query, string expected)
    {
        await File.WriteAllTextAsync(_path, Log);
        var values = query.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=')).ToDictionary(p => p[0], p => p[1]);
        var output = new MemoryStream();
        await new ContainerLogReader(_path, LogOptions.Parse(values.GetValueOrDefault, DateTimeOffset.UtcNow), output)
            .ReadAsync(() => Task.FromResult(false), Channel.CreateUnbounded<bool>().Reader, CancellationToken.None);
        Assert.Equal(expected, Encoding.UTF8.GetString(output.ToArray()));
    }

    [Fact]
    public async Task Follows_until_the_container_ends()
    {
        await File.WriteAllTextAsync(_path, "2026-11-23T10:00:00Z stdout F one\n");
        var isRunning = true;
        var changes = Channel.CreateUnbounded<bool>();
        var output = new MemoryStream();
        var reading = new ContainerLogReader(_path, new LogOptions { Follow = true }, output).ReadAsync(() => Task.FromResult(isRunning), changes.Reader, CancellationToken.None);
        await File.AppendAllTextAsync(_path, "2026-11-23T10:00:01Z stdout F two\n");
        isRunning = false;
        changes.Writer.TryWrite(true);
        await reading.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal("one\ntwo\n", Encoding.UTF8.GetString(output.ToArray()));
    }

    [Fact]
    public void A_tail_begins_after_a_line_feed_and_has_that_many_lines() =>
        Gen.Select(Gen.String[Gen.Char['a', 'c'], 0, 30].Array[0, 40], Gen.Int[1, 45]).Sample((lines, count) =>
        {
            var text = string.Concat(lines.Select(l => l + "\n"));
            var start = ContainerLogReader.TailStart(new MemoryStream(Encoding.UTF8.GetBytes(text)), count);
            Assert.Equal(string.Concat(lines.TakeLast(count).Select(l => l + "\n")), text[(int)start..]);
        });

    [Fact]
    public void Any_bytes_are_a_line_or_not_but_never_a_crash() =>
        Gen.Byte.Array.Sample(bytes =>
        {
            CriLogLine.TryParse(bytes, out var line);
            _ = line.At();
        });
}
