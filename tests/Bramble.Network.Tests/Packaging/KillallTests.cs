using System.Diagnostics;
using Bramble.Network.Tests.Support;

namespace Bramble.Network.Tests.Packaging;

/// <summary>packaging/k3s-killall.sh on a machine of namespaces: all that is ours goes, all that is somebody else's stays.</summary>
public sealed class KillallTests
{
    [Fact]
    public async Task Killall_leaves_nothing_of_ours_and_everything_of_others()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Bramble.slnx"))) root = root.Parent ?? throw new DirectoryNotFoundException("no Bramble.slnx above the tests");
        using var process = Process.Start(new ProcessStartInfo("unshare",
        [
            "--pid", "--net", "--mount", "--uts", "--fork", "--kill-child", "--mount-proc", "bash",
            Path.Combine(root.FullName, "tests/Bramble.Network.Tests/Packaging/killall-leaves-nothing.sh"), Path.Combine(root.FullName, "packaging"),
        ])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal("""
            processes: containerd-shim-runc-v2 -namespace moby;
            mounts: 
            links: lo;other;
            routes: 10.99.0.0/16;
            rules: table inet mine {;ip daddr 198.51.100.5 accept comment "keep";
            cgroups: /sys/fs/cgroup/memory;/sys/fs/cgroup/memory/other;
            files: /run/netns;/run/netns/mine;/var/lib/kubelet;
            data: agent;server;

            """, output + await errors, ignoreLineEndingDifferences: true);
    }
}
