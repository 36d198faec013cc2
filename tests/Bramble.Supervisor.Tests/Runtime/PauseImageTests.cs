using System.Diagnostics;
using System.Runtime.InteropServices;
using Bramble.Supervisor.Runtime;

namespace Bramble.Supervisor.Tests.Runtime;

public class PauseImageTests
{
    [Fact]
    public async Task The_pause_program_waits_and_ends_at_SIGTERM()
    {
        var path = Path.Combine(Path.GetTempPath(), $"bramble-pause-{Environment.ProcessId}");
        await File.WriteAllBytesAsync(path, PauseImage.Program(RuntimeInformation.ProcessArchitecture), TestContext.Current.CancellationToken);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            using var process = Process.Start(path)!;
            Assert.False(process.WaitForExit(200));
            using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"])!;
            Assert.True(process.WaitForExit(5000));
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void The_archive_is_the_same_at_every_start() =>
        Assert.Equal(PauseImage.Archive("docker.io/rancher/pause:1", Architecture.Arm64), PauseImage.Archive("docker.io/rancher/pause:1", Architecture.Arm64));

    [Theory]
    [InlineData("rancher/mirrored-pause:3.10.2", "docker.io/rancher/mirrored-pause:3.10.2")]
    [InlineData("pause:1", "docker.io/library/pause:1")]
    [InlineData("registry.example:5000/pause:1", "registry.example:5000/pause:1")]
    [InlineData("localhost/pause", "localhost/pause")]
    public void References_are_completed_as_containerd_does(string image, string expected) => Assert.Equal(expected, Containerd.FullReference(image));
}
