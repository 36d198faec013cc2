using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Sockets;

/// <summary>Sockets that outlive this process, so that nobody is refused while Bramble restarts: what arrives meanwhile waits in the kernel's queue. TCP and UDP
/// alike. Kept by systemd's file descriptor store where we are its service, else by a small process of our own (<see cref="SocketHolder"/>).</summary>
/// <remarks>
/// Use: <c>Take(name) ?? bind a new one</c>; then <see cref="Keep"/> for a new one. A name is a word like <c>ingress-ipv4-80</c> or <c>dns-udp-ipv4</c> (no
/// colon: systemd lists names with colons between). The caller owns and disposes the sockets it gets and gives: the kept ones are copies, so a part that
/// is started again in this process takes its sockets again. One that nobody took a minute after the start is given up, because what it was for is
/// switched off. Thread-safe.
/// Without either keeper all goes on, but a restart refuses connections for its second.
/// </remarks>
public sealed class KeptSockets : IDisposable
{
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly ISocketKeeper _keeper;
    private readonly Dictionary<string, SafeSocketHandle> _known;
    private readonly HashSet<string> _claimed = new(StringComparer.Ordinal);
    private readonly ITimer _givingUp;
    private int _nextNumber = 600;

    private KeptSockets(ISocketKeeper keeper, TimeProvider time, ILogger log)
    {
        _keeper = keeper;
        _known = keeper.ReadInherited();
        if (_known.Count > 0) SocketsLog.Inherited(log, string.Join(", ", _known.Keys.Order(StringComparer.Ordinal)));
        _givingUp = time.CreateTimer(_ => GiveUp(), null, GiveUpAfter, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Finds what the process before left.</summary>
    /// <param name="holderProgram">Where the holding program is put, on a file system that may be executed from.</param>
    /// <param name="variable">Environment variables of this process.</param>
    public static KeptSockets Open(string holderProgram, Func<string, string?> variable, TimeProvider time, ILogger log) =>
        new(variable("NOTIFY_SOCKET") is { Length: > 0 } notify ? new DescriptorStore(notify, variable) : new SocketHolder(holderProgram, time, log), time, log);

    /// <summary>The socket of this name, as the process before or an earlier part of this one left it (bound, and listening if it was); null: there is none.</summary>
    public Socket? Take(string name)
    {
        lock (_gate)
        {
            if (!_known.TryGetValue(name, out var handle)) return null;
            _claimed.Add(name);
            // .NET leaves a closed socket to the kernel to take out of its epoll set, which the kernel does not do while another descriptor (ours) leads to the
            // same socket: the number would be "registered already". So no number is given out twice.
            return new Socket(FileDescriptors.CopyAbove(handle, _nextNumber++));
        }
    }

    /// <summary>Keeps a new socket for whoever comes after.</summary>
    public void Keep(string name, Socket socket)
    {
        if (name.Length is 0 or > 255 || name.Any(c => c is ':' or '/' || char.IsControl(c) || c > '~')) throw new ArgumentException($"\"{name}\" cannot name a kept socket", nameof(name));
        lock (_gate)
        {
            if (_known.Remove(name, out var old)) old.Dispose();
            _known[name] = FileDescriptors.CopyAbove(socket.SafeHandle, 0);
            _claimed.Add(name);
            _keeper.Keep(name, _known[name]);
        }
    }

    public void Dispose()
    {
        _givingUp.Dispose();
        lock (_gate)
            foreach (var handle in _known.Values) handle.Dispose();
        _keeper.Dispose();
    }

    private void GiveUp()
    {
        lock (_gate)
            foreach (var name in _known.Keys.Where(name => !_claimed.Contains(name)).ToList())
            {
                _keeper.GiveUp(name);
                _known.Remove(name, out var handle);
                handle!.Dispose();
            }
    }
}

/// <summary>Who keeps sockets while no Bramble runs.</summary>
internal interface ISocketKeeper : IDisposable
{
    /// <summary>What was kept, by name; asked once, first. The caller owns the handles.</summary>
    Dictionary<string, SafeSocketHandle> ReadInherited();

    /// <param name="socket">Stays the caller's.</param>
    void Keep(string name, SafeSocketHandle socket);

    void GiveUp(string name);
}
