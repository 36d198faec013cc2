using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Runtime;
using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Sockets;

/// <summary>Keeps sockets without systemd: the pause program (some 300 bytes, one page of memory) is started in a session of its own with the sockets as its
/// descriptors 3, 4, … and their names as its arguments, and sleeps. The next Bramble finds it by its program's path and copies them out of it (pidfd_getfd).</summary>
/// <remarks>The holder itself is the only record, so no crash can leave one that nobody knows of. A change starts a new holder before the old one is ended.</remarks>
internal sealed class SocketHolder(string program, TimeProvider time, ILogger log) : ISocketKeeper
{
    // A start keeps several sockets within milliseconds: one holder for all of them.
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(100);
    private const int FirstHeld = 3, FirstFree = 400;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, SafeSocketHandle> _held = new(StringComparer.Ordinal);
    private ITimer? _gathering;
    private bool _isEnded;

    public Dictionary<string, SafeSocketHandle> ReadInherited()
    {
        var found = new Dictionary<string, SafeSocketHandle>(StringComparer.Ordinal);
        lock (_gate)
        {
            foreach (var (pid, names) in Holders())
                for (var i = 0; i < names.Length; i++)
                {
                    if (found.ContainsKey(names[i])) continue;
                    if (FileDescriptors.CopyFrom(pid, FirstHeld + i) is { } copy)
                    {
                        found[names[i]] = copy;
                        _held[names[i]] = FileDescriptors.CopyAbove(copy, FirstFree);
                        continue;
                    }
                    // What cannot be taken back is only in the way: nobody could listen there any more.
                    SocketsLog.NotTaken(log, pid);
                    DetachedProcess.End(pid);
                    _isEnded = true;
                    break;
                }
        }
        return found;
    }

    public void Keep(string name, SafeSocketHandle socket)
    {
        lock (_gate)
        {
            if (_isEnded) return;
            if (_held.Remove(name, out var old)) old.Dispose();
            _held[name] = FileDescriptors.CopyAbove(socket, FirstFree);
            Renew();
        }
    }

    public void GiveUp(string name)
    {
        lock (_gate)
        {
            if (!_held.Remove(name, out var old)) return;
            old.Dispose();
            Renew();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            // What was to be kept in the last moment is.
            if (_gathering is not null) Replace();
            _isEnded = true;
            foreach (var handle in _held.Values) handle.Dispose();
            _held.Clear();
        }
    }

    private void Renew() => _gathering ??= time.CreateTimer(_ =>
    {
        lock (_gate)
            if (!_isEnded) Replace();
    }, null, Gather, Timeout.InfiniteTimeSpan);

    private void Replace()
    {
        _gathering?.Dispose();
        _gathering = null;
        var before = Holders().Select(holder => holder.Pid).ToList();
        try
        {
            if (_held.Count > 0)
            {
                Install();
                string[] names = [.. _held.Keys.Order(StringComparer.Ordinal)];
                DetachedProcess.Start(program, names, new Dictionary<string, string>(), "/dev/null", [.. names.Select(name => (int)_held[name].DangerousGetHandle())]);
            }
        }
        catch (Exception error) when (error is Win32Exception or IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            // All goes on without; the old holder, if there is one, stays with what it has.
            SocketsLog.NotHeld(log, program, error.Message);
            return;
        }
        foreach (var pid in before) DetachedProcess.End(pid);
    }

    private void Install()
    {
        var wanted = PauseImage.Program(RuntimeInformation.ProcessArchitecture);
        if (File.Exists(program) && File.ReadAllBytes(program).AsSpan().SequenceEqual(wanted)) return;
        // Written beside and renamed: the kernel refuses to write to a program that runs.
        SafeFile.Write(program, wanted, SafeFile.Private | UnixFileMode.UserExecute);
    }

    /// <summary>The running holders of this program and the names of what they hold, the newest first.</summary>
    private List<(int Pid, string[] Names)> Holders()
    {
        var found = new List<(int Pid, string[] Names)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var pid)) continue;
            try
            {
                var words = File.ReadAllText(folder + "/cmdline", Encoding.UTF8).Split('\0', StringSplitOptions.RemoveEmptyEntries);
                // The path alone could be anybody's first word.
                if (words.Length > 1 && words[0] == program && File.ResolveLinkTarget(folder + "/exe", returnFinalTarget: false)?.FullName is { } exe && exe.StartsWith(program, StringComparison.Ordinal))
                    found.Add((pid, words[1..]));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It has ended meanwhile, or is not ours to look into.
            }
        }
        return [.. found.OrderByDescending(holder => DetachedProcess.ReadStartTicks(holder.Pid) ?? 0)];
    }
}
