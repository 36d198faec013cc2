using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Bramble.Supervisor.Runtime;

/// <summary>A process that outlives ours: own session, output to a file, standard input from /dev/null. Found again by its pid and start time, which together
/// name one process only until the next boot.</summary>
public sealed partial class DetachedProcess
{
    private const short SetSession = 0x80, SetSignalDefaults = 0x04, SetSignalMask = 0x08;

    private DetachedProcess(int pid, ulong startTicks) => (Pid, StartTicks) = (pid, startTicks);

    public int Pid { get; }

    /// <summary>Field 22 of /proc/PID/stat: clock ticks since boot.</summary>
    public ulong StartTicks { get; }

    public bool IsAlive => ReadStartTicks(Pid) == StartTicks;

    /// <param name="inherited">Descriptors of ours that the child gets, as its 3, 4, …; each of ours must be higher than all of those.</param>
    /// <exception cref="Win32Exception">The program could not be started.</exception>
    public static DetachedProcess Start(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, string logPath, IReadOnlyList<int>? inherited = null)
    {
        var actions = Marshal.AllocHGlobal(256);
        var attributes = Marshal.AllocHGlobal(512);
        var signals = Marshal.AllocHGlobal(128);
        var argv = NativeStrings([program, .. arguments]);
        var envp = NativeStrings([.. environment.Select(pair => $"{pair.Key}={pair.Value}")]);
        try
        {
            Check(InitActions(actions), program);
            Check(InitAttributes(attributes), program);
            const int readOnly = 0, writeOnlyCreateAppend = 0x1 | 0x40 | 0x400;
            Check(AddOpen(actions, 0, "/dev/null", readOnly, 0), program);
            Check(AddOpen(actions, 1, logPath, writeOnlyCreateAppend, 0x180), logPath);
            Check(AddDup(actions, 1, 2), program);
            for (var i = 0; i < (inherited?.Count ?? 0); i++) Check(AddDup(actions, inherited![i], 3 + i), program);
            // .NET blocks and handles signals for itself; the child begins with none of that.
            _ = EmptySet(signals);
            Check(SetMask(attributes, signals), program);
            _ = FillSet(signals);
            Check(SetDefaults(attributes, signals), program);
            Check(SetFlags(attributes, SetSession | SetSignalDefaults | SetSignalMask), program);
            Check(Spawn(out var pid, program, actions, attributes, argv, envp), program);
            return new DetachedProcess(pid, ReadStartTicks(pid) ?? 0);
        }
        finally
        {
            FreeStrings(argv);
            FreeStrings(envp);
            Marshal.FreeHGlobal(signals);
            Marshal.FreeHGlobal(attributes);
            Marshal.FreeHGlobal(actions);
        }
    }

    /// <summary>The process of an earlier run, or null when it is gone (or the pid is somebody else's now).</summary>
    public static DetachedProcess? Find(int pid, ulong startTicks) => ReadStartTicks(pid) == startTicks ? new DetachedProcess(pid, startTicks) : null;

    /// <summary>Completes when the process has ended, whoever its parent is. One waiting thread, no polling (pidfd).</summary>
    public Task WaitForExitAsync(CancellationToken cancel)
    {
        var handle = PidFdOpen(434, Pid, 0);
        if (handle < 0) return IsAlive ? throw new Win32Exception(Marshal.GetLastPInvokeError(), $"cannot watch process {Pid}") : Task.CompletedTask;
        return Task.Factory.StartNew(
            () =>
            {
                var poll = new PollFd { Fd = (int)handle, Events = 1 };
                try
                {
                    // Wakes once a minute only to see whether it is still wanted.
                    while (!cancel.IsCancellationRequested && Poll(ref poll, 1, 60_000) <= 0) { }
                    _ = WaitPid(Pid, IntPtr.Zero, 1);
                }
                finally
                {
                    _ = Close((int)handle);
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Ends a process and waits for it when it is our child, which else would stay as a zombie.</summary>
    internal static void End(int pid)
    {
        _ = Kill(pid, 15);
        _ = WaitPid(pid, IntPtr.Zero, 0);
    }

    public void Signal(int signal) => _ = Kill(Pid, signal);

    internal static ulong? ReadStartTicks(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat", Encoding.Latin1);
            // The name in brackets may hold anything; what counts comes behind the last bracket.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : ulong.Parse(fields[19], CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or IOException)
        {
            return null;
        }
    }

    private static void Check(int error, string what)
    {
        if (error != 0) throw new Win32Exception(error, $"cannot start {what}: {new Win32Exception(error).Message}");
    }

    private static IntPtr NativeStrings(IReadOnlyList<string> values)
    {
        var list = Marshal.AllocHGlobal((values.Count + 1) * IntPtr.Size);
        for (var i = 0; i < values.Count; i++) Marshal.WriteIntPtr(list, i * IntPtr.Size, Marshal.StringToCoTaskMemUTF8(values[i]));
        Marshal.WriteIntPtr(list, values.Count * IntPtr.Size, IntPtr.Zero);
        return list;
    }

    private static void FreeStrings(IntPtr list)
    {
        for (var i = 0; Marshal.ReadIntPtr(list, i * IntPtr.Size) is var value && value != IntPtr.Zero; i++) Marshal.FreeCoTaskMem(value);
        Marshal.FreeHGlobal(list);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "posix_spawnp", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Spawn(out int pid, string file, IntPtr actions, IntPtr attributes, IntPtr argv, IntPtr envp);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int InitActions(IntPtr actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AddOpen(IntPtr actions, int fd, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int AddDup(IntPtr actions, int from, int to);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int InitAttributes(IntPtr attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SetFlags(IntPtr attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int SetMask(IntPtr attributes, IntPtr set);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int SetDefaults(IntPtr attributes, IntPtr set);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    private static partial int EmptySet(IntPtr set);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    private static partial int FillSet(IntPtr set);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long PidFdOpen(long number, int pid, uint flags);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref PollFd fds, ulong count, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "waitpid")]
    private static partial int WaitPid(int pid, IntPtr status, int options);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);
}
