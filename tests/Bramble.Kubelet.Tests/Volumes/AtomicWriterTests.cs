using System.Text;
using Bramble.Kubelet.Volumes;

namespace Bramble.Kubelet.Tests.Volumes;

public sealed class AtomicWriterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("volume").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void An_update_replaces_all_files_at_once_and_keeps_the_links()
    {
        Assert.True(Write(("a", "1"), ("d/b", "2")));
        var first = new FileInfo(Path.Combine(_folder, "..data")).LinkTarget;
        Assert.False(Write(("a", "1"), ("d/b", "2")));
        Assert.True(Write(("a", "3"), ("c", "4")));
        Assert.NotEqual(first, new FileInfo(Path.Combine(_folder, "..data")).LinkTarget);
        Assert.Equal("3", File.ReadAllText(Path.Combine(_folder, "a")));
        Assert.Equal("..data/a", new FileInfo(Path.Combine(_folder, "a")).LinkTarget);
        Assert.False(Path.Exists(Path.Combine(_folder, "d")));
        Assert.Equal("..data a c", string.Join(' ', Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName).Where(n => !n!.StartsWith("..2")).Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("a/../../x")]
    public void A_path_outside_is_refused(string path) => Assert.Throws<VolumeException>(() => Write((path, "1")));

    private bool Write(params (string Path, string Text)[] files) => AtomicWriter.Write(
        _folder, files.ToDictionary(f => f.Path, f => new ProjectedFile(Encoding.UTF8.GetBytes(f.Text), (UnixFileMode)0b110_100_100)), null, DateTimeOffset.UtcNow);
}
