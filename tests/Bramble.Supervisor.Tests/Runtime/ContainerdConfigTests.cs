using Bramble.Supervisor.Runtime;

namespace Bramble.Supervisor.Tests.Runtime;

public class ContainerdConfigTests
{
    private static readonly ContainerdSettings Settings = new(
        new Version(1, 7), "/root", "/state", "/state/containerd.sock", "/opt", "pause:1", "overlayfs", "/usr/lib/cni", "/cni", "/certs",
        UsesSystemdCgroup: true, RestrictsOomScore: true, DisablesAppArmor: false, DeviceOwnershipFromSecurityContext: false, StreamPort: 10010, CrunPath: null);

    [Fact]
    public void Containerd_1_reads_format_2()
    {
        var text = ContainerdConfig.Render(Settings);
        Assert.Contains("version = 2\n", text);
        Assert.Contains("oom_score = 0\n", text);
        Assert.Contains("[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\nSystemdCgroup = true\n", text);
        Assert.Contains("[plugins.\"io.containerd.grpc.v1.cri\".cni]\nbin_dir = \"/usr/lib/cni\"\n", text);
        Assert.Contains("sandbox_image = \"pause:1\"", text);
        Assert.DoesNotContain("cri.v1.runtime", text);
    }

    [Fact]
    public void Containerd_2_reads_format_3()
    {
        var text = ContainerdConfig.Render(Settings with { Version = new Version(2, 1) });
        Assert.Contains("version = 3\n", text);
        Assert.Contains("[plugins.\"io.containerd.cri.v1.images\".pinned_images]\nsandbox = \"pause:1\"\n", text);
        Assert.Contains("[plugins.\"io.containerd.cri.v1.runtime\".cni]\nbin_dirs = [\"/usr/lib/cni\"]\n", text);
        Assert.DoesNotContain("sandbox_image", text);
    }

    [Theory]
    [InlineData("1.6", false)]      // does not know it
    [InlineData("1.7", true)]
    [InlineData("2.1", false)]      // is on
    public void Devices_by_CDI_are_switched_on_where_they_are_not(string version, bool isWritten) =>
        Assert.Equal(isWritten, ContainerdConfig.Render(Settings with { Version = Version.Parse(version) }).Contains("enable_cdi = true\n"));
}
