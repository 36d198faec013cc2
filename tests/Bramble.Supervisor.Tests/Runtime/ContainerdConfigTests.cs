using Bramble.Supervisor.Runtime;

namespace Bramble.Supervisor.Tests.Runtime;

public class ContainerdConfigTests
{
    private static readonly ContainerdSettings Settings = new(
        new Version(1, 7), "/root", "/state", "/state/containerd.sock", "/opt", "pause:1", "overlayfs", "/usr/lib/cni", "/cni", "/certs",
        UsesSystemdCgroup: true, RestrictsOomScore: true, DisablesAppArmor: false, DeviceOwnershipFromSecurityContext: false, StreamPort: 10010, CrunPath: null, EnablesSelinux: false, RegistryAuths: []);

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

    [Fact]
    public void Credentials_of_registries_stand_beside_the_folder_of_their_hosts()
    {
        var settings = Settings with { RegistryAuths = [new("r.example:5000", "someone", "a \"quoted\" \\ word", "", "")], EnablesSelinux = true };
        const string Auth = "registry.configs.\"r.example:5000\".auth]\nusername = \"someone\"\npassword = \"a \\\"quoted\\\" \\\\ word\"\n";
        Assert.Contains("registry]\nconfig_path = \"/certs\"\n\n[plugins.\"io.containerd.grpc.v1.cri\"." + Auth, ContainerdConfig.Render(settings));
        Assert.Contains("[plugins.\"io.containerd.cri.v1.images\"." + Auth, ContainerdConfig.Render(settings with { Version = new Version(2, 1) }));
        Assert.Contains("enable_selinux = true\n", ContainerdConfig.Render(settings));
    }

    [Theory]
    [InlineData("1.6", false)]      // does not know it
    [InlineData("1.7", true)]
    [InlineData("2.1", false)]      // is on
    public void Devices_by_CDI_are_switched_on_where_they_are_not(string version, bool isWritten) =>
        Assert.Equal(isWritten, ContainerdConfig.Render(Settings with { Version = Version.Parse(version) }).Contains("enable_cdi = true\n"));
}
