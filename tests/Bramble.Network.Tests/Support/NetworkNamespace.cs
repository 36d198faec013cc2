using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Bramble.Network.Tests.Support;

/// <summary>A network namespace: a pod or a neighbour on the LAN. The test process itself lives in a private one, the "host", from its first instruction:
/// nothing here touches the machine's own network.</summary>
internal sealed partial class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x40000000;

    private readonly SafeFileHandle _handle;

    /// <summary>Null: this process has a network of its own. Else why not.</summary>
    public static string? HostProblem { get; private set; } = "the module initializer has not run";

    [ModuleInitializer]
    internal static void EnterHost()
    {
        if (Environment.UserName != "root" && geteuid() != 0) HostProblem = "needs root (network namespaces and nftables)";
        else HostProblem = unshare(CloneNewNet) == 0 ? null : $"unshare: {Marshal.GetLastPInvokeErrorMessage()}";
        if (HostProblem is not null) return;
        Run("ip", "link set lo up");
    }

    public NetworkNamespace()
    {
        SafeFileHandle? handle = null;
        OnThread(() =>
        {
            if (unshare(CloneNewNet) != 0) throw new InvalidOperationException(Marshal.GetLastPInvokeErrorMessage());
            handle = File.OpenHandle("/proc/thread-self/ns/net");
        });
        _handle = handle!;
        Ip("link set lo up");
    }

    /// <summary>A path for tools, valid while this object lives.</summary>
    public string Path => string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{_handle.DangerousGetHandle()}");

    /// <summary>Runs <c>ip</c> inside.</summary>
    public string Ip(string arguments) => Run("nsenter", $"--net={Path} ip {arguments}");

    /// <summary>Runs code on a thread inside; sockets made there stay there.</summary>
    public T Inside<T>(Func<T> code)
    {
        T result = default!;
        OnThread(() =>
        {
            if (setns(_handle, CloneNewNet) != 0) throw new InvalidOperationException(Marshal.GetLastPInvokeErrorMessage());
            result = code();
        });
        return result;
    }

    public void Dispose() => _handle.Dispose();

    /// <summary>Runs a command of the host; throws with its output when it fails.</summary>
    public static string Run(string file, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{file} {arguments}: {error.Result}{output}");
    }

    // A thread that changed its namespace must not go back to the pool.
    private static void OnThread(Action code)
    {
        Exception? failed = null;
        var thread = new Thread(() =>
        {
            try { code(); }
            catch (Exception e) { failed = e; }
        });
        thread.Start();
        thread.Join();
        if (failed is not null) throw new InvalidOperationException(failed.Message, failed);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(SafeFileHandle handle, int type);

    [LibraryImport("libc")]
    private static partial uint geteuid();
}
