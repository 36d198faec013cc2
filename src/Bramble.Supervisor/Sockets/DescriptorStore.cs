using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Bramble.Supervisor.Sockets;

/// <summary>systemd's file descriptor store (sd_notify(3), FDSTORE=1; the unit's FileDescriptorStoreMax= allows it): it survives restarts and crashes of the
/// service and ends when the service is stopped.</summary>
internal sealed class DescriptorStore(string notifySocket, Func<string, string?> variable) : ISocketKeeper
{
    private const int FirstPassed = 3;                                    // sd_listen_fds(3)

    public Dictionary<string, SafeSocketHandle> ReadInherited()
    {
        var found = new Dictionary<string, SafeSocketHandle>(StringComparer.Ordinal);
        foreach (var (name, descriptor) in Passed(variable, Environment.ProcessId))
        {
            var handle = FileDescriptors.Adopt(descriptor);
            // Of two of one name the newest is the one in use.
            if (found.Remove(name, out var older)) older.Dispose();
            found[name] = handle;
        }
        return found;
    }

    public void Keep(string name, SafeSocketHandle socket)
    {
        using var notify = Connect();
        FileDescriptors.Send(notify, $"FDSTORE=1\nFDNAME={name}", socket);
    }

    public void GiveUp(string name)
    {
        using var notify = Connect();
        notify.Send(Encoding.UTF8.GetBytes($"FDSTOREREMOVE=1\nFDNAME={name}"));
    }

    public void Dispose() { }

    /// <summary>Names and numbers of the descriptors that came with the start.</summary>
    internal static IEnumerable<(string Name, int Descriptor)> Passed(Func<string, string?> variable, int ownPid)
    {
        if (variable("LISTEN_PID") != ownPid.ToString(CultureInfo.InvariantCulture) || !int.TryParse(variable("LISTEN_FDS"), CultureInfo.InvariantCulture, out var count)) yield break;
        var names = variable("LISTEN_FDNAMES")?.Split(':') ?? [];
        for (var i = 0; i < count; i++) yield return (i < names.Length ? names[i] : "unknown", FirstPassed + i);
    }

    private Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        // A leading @ names the abstract namespace, whose first byte is zero.
        socket.Connect(new UnixDomainSocketEndPoint(notifySocket[0] == '@' ? "\0" + notifySocket[1..] : notifySocket));
        return socket;
    }
}
