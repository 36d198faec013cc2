using System.Net.Sockets;

namespace Bramble.Network;

/// <summary>Sockets that outlive the process (and a part's restart within it), so that what arrives meanwhile waits rather than is refused. Thread-safe.
/// Use: <c>Take(name) ?? bind a new one and Keep it</c>; the caller owns what it takes and gives.</summary>
public interface IKeptSockets
{
    /// <summary>The socket that was kept under this name, bound and, if it was, listening; null: none.</summary>
    Socket? Take(string name);

    /// <summary>Keeps a new socket. A name is a word without colon, such as <c>dns-udp-ipv4</c>.</summary>
    void Keep(string name, Socket socket);
}

/// <summary>Nothing outlives the process.</summary>
internal sealed class NoKeptSockets : IKeptSockets
{
    public Socket? Take(string name) => null;

    public void Keep(string name, Socket socket) { }
}
