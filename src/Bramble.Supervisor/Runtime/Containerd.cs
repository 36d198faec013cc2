using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Bramble.Supervisor.Layout;
using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Runtime;

/// <summary>What the user may choose of the runtime.</summary>
public sealed record ContainerdOptions(
    DataLayout Layout,
    string StateDir = "/run/k3s/containerd",
    string PauseImage = "rancher/mirrored-pause:3.10.2",
    string Snapshotter = "overlayfs",
    bool NonrootDevices = false,
    bool UsesSystemdCgroup = false,
    int StreamPort = 10010,
    bool EnablesSelinux = false,
    Registries? Registries = null);

/// <summary>Bramble's own containerd: written configuration, own session, pid file. Stop, crash and upgrade of Bramble leave it running; the next start adopts it,
/// or restarts it when its version or configuration changed (its shims and containers go on). If it dies while we run it is started again.</summary>
/// <remarks>A second containerd on the same root would hang silently: the pid file (pid, start time, configuration's hash) is what prevents it.</remarks>
public sealed partial class Containerd(ContainerdOptions options, TimeProvider time, ILogger<Containerd> log)
{
    private static readonly string[] ExtraPath = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/sbin", "/bin"];

    private readonly string _binary = FindProgram("containerd") ?? throw new InvalidOperationException(Complaint());

    private DetachedProcess? _process;

    public string Address => Path.Combine(options.StateDir, "containerd.sock");

    /// <summary>For Bramble's clients (CRI, ctr): the socket as an endpoint.</summary>
    public string Endpoint => "unix://" + Address;

    private string PidFile => Path.Combine(options.StateDir, "bramble-containerd.pid");

    /// <summary>What this machine lacks to run containers, with the fix; null: nothing.</summary>
    public static string? Complaint() =>
        FindProgram("containerd") is null ? "containerd is not installed; apt-get install containerd runc (or give another runtime with --container-runtime-endpoint)"
        : FindProgram("runc") is null && FindProgram("crun") is null ? "runc is not installed; apt-get install runc"
        : null;

    /// <summary>Starts or adopts; done when the socket answers.</summary>
    /// <exception cref="InvalidOperationException">Not installed, or it does not come up; the message says cause and fix.</exception>
    public async Task StartAsync(CancellationToken cancel)
    {
        if (Complaint() is { } complaint) throw new InvalidOperationException(complaint);
        var version = await ReadVersionAsync(cancel);
        var config = ContainerdConfig.Render(Settings(version));
        Directory.CreateDirectory(options.Layout.ContainerdRoot);
        Directory.CreateDirectory(options.StateDir);
        SafeFile.WriteIfChanged(options.Layout.ContainerdConfig, config);
        options.Registries?.WriteHosts(options.Layout.ContainerdCerts);
        foreach (var warning in options.Registries?.Warnings ?? []) Log.RegistriesWarn(log, warning);
        if (Selinux.Complaint(options.EnablesSelinux) is { } selinux) Log.Selinux(log, selinux);
        SafeFile.WriteIfChanged(options.Layout.CrictlConfig, $"runtime-endpoint: {Endpoint}\nimage-endpoint: {Endpoint}\n", SafeFile.Shared);

        var fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{version}\n{_binary}\n{config}")))[..16];
        if (Adopt(fingerprint) is { } running) _process = running;
        else _process = Launch(fingerprint);
        await WaitForSocketAsync(cancel);
    }

    /// <summary>Keeps it running until cancelled; a death is logged and answered by a new start with back-off.</summary>
    public async Task SuperviseAsync(CancellationToken cancel)
    {
        var pause = TimeSpan.FromSeconds(1);
        while (!cancel.IsCancellationRequested)
        {
            var process = _process ?? throw new InvalidOperationException("StartAsync comes first");
            var startedAt = time.GetTimestamp();
            using (var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel))
            {
                var exit = process.WaitForExitAsync(stop.Token);
                await Task.WhenAny(exit, Task.Delay(Timeout.Infinite, stop.Token));
                await stop.CancelAsync();
            }
            if (cancel.IsCancellationRequested) return;
            if (time.GetElapsedTime(startedAt) > TimeSpan.FromMinutes(1)) pause = TimeSpan.FromSeconds(1);
            Log.ContainerdDied(log, process.Pid, options.Layout.ContainerdLog, pause);
            await Task.Delay(pause, time, cancel);
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, TimeSpan.FromMinutes(1).Ticks));
            await StartAsync(cancel);
        }
    }

    /// <summary>Imports an archive (docker or OCI, plain or compressed) into the namespace the kubelet uses.</summary>
    public Task ImportAsync(string archivePath, CancellationToken cancel) =>
        RunCtrAsync(["images", "import", "--all-platforms", archivePath], cancel);

    /// <summary>Makes sure that the sandbox image is there, without a registry.</summary>
    public async Task EnsurePauseImageAsync(CancellationToken cancel)
    {
        var reference = FullReference(options.PauseImage);
        if ((await RunCtrAsync(["images", "ls", "-q", $"name=={reference}"], cancel)).Contains(reference, StringComparison.Ordinal)) return;
        var archive = Path.Combine(options.StateDir, "pause.tar");
        await File.WriteAllBytesAsync(archive, PauseImage.Archive(reference, RuntimeInformation.ProcessArchitecture), cancel);
        await RunCtrAsync(["images", "import", archive], cancel);
        await RunCtrAsync(["images", "label", reference, "io.cri-containerd.image=managed", "io.cri-containerd.pinned=pinned"], cancel);
        File.Delete(archive);
    }

    private ContainerdSettings Settings(Version version) => new(
        version,
        options.Layout.ContainerdRoot,
        options.StateDir,
        Address,
        options.Layout.ContainerdRoot,
        options.PauseImage,
        options.Snapshotter,
        FindCniBinDir(),
        options.Layout.CniConf,
        options.Layout.ContainerdCerts,
        options.UsesSystemdCgroup,
        RestrictsOomScore: !HasCapability(SysResource),
        DisablesAppArmor: !Directory.Exists("/sys/kernel/security/apparmor"),
        options.NonrootDevices,
        options.StreamPort,
        FindProgram("crun"),
        options.EnablesSelinux,
        options.Registries?.Auths ?? []);

    private DetachedProcess? Adopt(string fingerprint)
    {
        if (!File.Exists(PidFile)) return null;
        var fields = File.ReadAllText(PidFile).Split((char[])['\n', ' '], StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length != 3 || !int.TryParse(fields[0], out var pid) || !ulong.TryParse(fields[1], out var ticks)) return null;
        if (DetachedProcess.Find(pid, ticks) is not { } running) return null;
        if (fields[2] == fingerprint)
        {
            Log.ContainerdAdopted(log, pid);
            return running;
        }
        Log.ContainerdRestarts(log, pid);
        running.Signal(15);
        // Its end frees the lock on the root folder; shims and containers go on without it.
        if (!running.WaitForExitAsync(CancellationToken.None).Wait(TimeSpan.FromSeconds(10)))
        {
            running.Signal(9);
            running.WaitForExitAsync(CancellationToken.None).Wait(TimeSpan.FromSeconds(5));
        }
        return null;
    }

    private DetachedProcess Launch(string fingerprint)
    {
        RotateLog(options.Layout.ContainerdLog);
        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Where(pair => !((string)pair.Key).StartsWith("K3S_", StringComparison.Ordinal) && (string)pair.Key is not ("NOTIFY_SOCKET" or "WATCHDOG_USEC" or "LISTEN_FDS"))
            .ToDictionary(pair => (string)pair.Key, pair => (string?)pair.Value ?? "", StringComparer.Ordinal);
        foreach (var (key, value) in environment.Where(pair => pair.Key.StartsWith("CONTAINERD_", StringComparison.Ordinal)).ToList())
            environment[key["CONTAINERD_".Length..]] = value;
        environment["PATH"] = string.Join(':', (environment.GetValueOrDefault("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Concat(ExtraPath).Distinct());
        try
        {
            var process = DetachedProcess.Start(_binary, ["--config", options.Layout.ContainerdConfig], environment, options.Layout.ContainerdLog);
            SafeFile.Write(PidFile, string.Create(CultureInfo.InvariantCulture, $"{process.Pid} {process.StartTicks} {fingerprint}\n"));
            Log.ContainerdStarted(log, process.Pid, _binary);
            return process;
        }
        catch (Win32Exception error)
        {
            throw new InvalidOperationException(error.Message, error);
        }
    }

    private async Task WaitForSocketAsync(CancellationToken cancel)
    {
        var startedAt = time.GetTimestamp();
        while (true)
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Address), cancel);
                return;
            }
            catch (SocketException)
            {
                if (!_process!.IsAlive)
                    throw new InvalidOperationException($"containerd ended at start: {LastLogLine()} Look at {options.Layout.ContainerdLog}.");
                if (time.GetElapsedTime(startedAt) > TimeSpan.FromSeconds(60))
                    throw new InvalidOperationException($"containerd does not answer on {Address} after 60 s. Look at {options.Layout.ContainerdLog}.");
            }
            // Start-up only: containerd has no other sign that it listens.
            await Task.Delay(TimeSpan.FromMilliseconds(30), time, cancel);
        }
    }

    private string LastLogLine() => File.Exists(options.Layout.ContainerdLog) ? File.ReadLines(options.Layout.ContainerdLog).LastOrDefault() ?? "" : "";

    private static void RotateLog(string path)
    {
        if (File.Exists(path) && new FileInfo(path).Length > 50L << 20) File.Move(path, path + ".1", overwrite: true);
    }

    private async Task<Version> ReadVersionAsync(CancellationToken cancel)
    {
        var text = await RunAsync(_binary, ["--version"], cancel);
        var match = VersionNumber().Match(text);
        return match.Success && Version.TryParse(match.Groups[1].Value, out var version)
            ? version
            : throw new InvalidOperationException($"cannot read the version of {_binary} from \"{text.Trim()}\".");
    }

    private Task<string> RunCtrAsync(IReadOnlyList<string> arguments, CancellationToken cancel) => RunAsync(
        FindProgram("ctr") ?? throw new InvalidOperationException("ctr is not installed (it comes with containerd). Fix: apt-get install containerd."),
        ["--address", Address, "--namespace", "k8s.io", .. arguments],
        cancel);

    private static async Task<string> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new InvalidOperationException($"cannot start {program}");
        var error = process.StandardError.ReadToEndAsync(cancel);
        var output = await process.StandardOutput.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {(await error).Trim()}");
        return output;
    }

    /// <summary>The reference as containerd stores it: with registry and, for Docker Hub's own images, <c>library/</c>.</summary>
    internal static string FullReference(string image)
    {
        var first = image.Split('/')[0];
        if (image.Contains('/') && (first.Contains('.') || first.Contains(':') || first == "localhost")) return image;
        return image.Contains('/') ? $"docker.io/{image}" : $"docker.io/library/{image}";
    }

    internal static string? FindProgram(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Concat(ExtraPath)
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    /// <summary>Where the CNI plugins are: Debian's place, the upstream one, K3s'.</summary>
    public static string FindCniBinDir() =>
        new[] { "/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni" }.FirstOrDefault(folder => File.Exists(Path.Combine(folder, "bridge")))
        ?? "/opt/cni/bin";

    private const int SysResource = 24;

    /// <summary>Whether this process holds a capability (capabilities(7)); containers cannot get an oom_score_adj below 0 without CAP_SYS_RESOURCE.</summary>
    internal static bool HasCapability(int number)
    {
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(text => text.StartsWith("CapEff:", StringComparison.Ordinal));
        return line is not null && (ulong.Parse(line.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> number & 1) == 1;
    }

    [GeneratedRegex(@"\sv?(\d+\.\d+(\.\d+)?)")]
    private static partial Regex VersionNumber();
}
