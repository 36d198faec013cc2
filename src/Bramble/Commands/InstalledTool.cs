using System.ComponentModel;
using System.Diagnostics;
using Bramble.Flags;
using Bramble.Supervisor.Layout;

namespace Bramble.Commands;

/// <summary><c>k3s ctr</c> and <c>k3s crictl</c>: the machine's own tools, pointed at Bramble's containerd.</summary>
internal static class InstalledTool
{
    private const string Socket = "/run/k3s/containerd/containerd.sock";

    public static Task<int> RunCtrAsync(string[] words) => RunAsync(
        "ctr", "it comes with containerd: apt-get install containerd", words,
        ("CONTAINERD_ADDRESS", Socket), ("CONTAINERD_NAMESPACE", "k8s.io"));

    public static Task<int> RunCrictlAsync(string[] words)
    {
        var config = new DataLayout(Environment.GetEnvironmentVariable("K3S_DATA_DIR") is { Length: > 0 } folder ? folder : DataLayout.Default).CrictlConfig;
        return RunAsync("crictl", "apt-get install cri-tools (Debian 13), or take crictl from the cri-tools project", words,
            ("CRI_CONFIG_FILE", File.Exists(config) ? config : "/etc/crictl.yaml"));
    }

    private static async Task<int> RunAsync(string program, string howToInstall, string[] words, params (string Name, string Value)[] environment)
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Concat(["/usr/local/bin", "/usr/bin"])
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(IsForeignProgram)
            ?? throw new UsageException($"{program} is not installed; {howToInstall}");
        var start = new ProcessStartInfo(path, words);
        foreach (var (name, value) in environment)
            if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name))) start.Environment[name] = value;
        try
        {
            using var process = Process.Start(start) ?? throw new UsageException($"cannot start {path}");
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
        catch (Win32Exception error)
        {
            throw new UsageException($"cannot start {path}: {error.Message}");
        }
    }

    /// <summary>Not a link to ourselves: that would call us again for ever.</summary>
    private static bool IsForeignProgram(string path)
    {
        if (!File.Exists(path)) return false;
        var target = new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
        return target != Environment.ProcessPath;
    }
}
