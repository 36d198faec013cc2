using Bramble.Kubelet.Server;

namespace Bramble.Kubelet.Tests.Volumes;

public sealed class LocalPathEndpointTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("localpath").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("/var/lib/rancher/k3s/storage/pvc-1_d_c", true)]
    [InlineData("/ssd/a", true)]
    [InlineData("/ssd", false)]
    [InlineData("/", false)]
    [InlineData("", false)]
    [InlineData("ssd/a/b", false)]
    [InlineData("/ssd/../etc", false)]
    [InlineData("/ssd/./a", false)]
    [InlineData("/ssd//a", false)]
    [InlineData("/ssd/a/", false)]
    public void Only_folders_below_a_folder(string path, bool isOne) => Assert.Equal(isOne, LocalPathEndpoint.IsVolumeFolder(path));

    [Fact]
    public void Everybody_may_write_to_it_and_only_root_finds_it_and_its_data_goes_with_it()
    {
        var path = Path.Combine(_folder, "storage", "pvc-1");
        LocalPathEndpoint.Make(path);
        LocalPathEndpoint.Make(path);
        Assert.Equal((UnixFileMode)0b111_111_111, File.GetUnixFileMode(path));
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(Path.Combine(_folder, "storage")));
        var outside = Path.Combine(_folder, "outside");
        File.WriteAllText(outside, "stays");
        Directory.CreateDirectory(Path.Combine(path, "a", "b"));
        File.WriteAllText(Path.Combine(path, "a", "b", "file"), "x");
        File.CreateSymbolicLink(Path.Combine(path, "link"), outside);
        Directory.CreateSymbolicLink(Path.Combine(path, "up"), _folder);
        LocalPathEndpoint.Remove(path);
        LocalPathEndpoint.Remove(path);
        Assert.False(Directory.Exists(path));
        Assert.Equal("stays", File.ReadAllText(outside));
    }
}
