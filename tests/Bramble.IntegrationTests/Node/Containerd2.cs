using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>Test hosts whose containerd is 2.x; the others have this Debian's own.</summary>
internal static class Containerd2
{
    /// <summary>Makes the host with it where an administrator's own build goes, before the packaged one. The test is skipped, with the reason, where it cannot be had.</summary>
    public static async Task<TestHost> Up(string name, int number)
    {
        var folder = Path.Combine(TestFiles.Repository, "artifacts/containerd2");
        var unpacked = await Command.Run(Path.Combine(TestFiles.Repository, "tests/containerd2.sh"), [folder]);
        Assert.SkipUnless(unpacked.ExitCode == 0, $"no containerd 2.x: {unpacked.Output}{unpacked.Errors}");
        var host = await TestHost.Up(name, number);
        (await host.Shell($"install {folder}/* /usr/local/bin/")).Succeeded();
        return host;
    }
}
