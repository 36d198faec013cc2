using System.Net.Sockets;
using Bramble.Network;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Sockets;
using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

/// <summary>The node's listening sockets, kept over a restart of Bramble. One a process: its parts may be started again and take them anew.</summary>
internal sealed class NodeSockets : IKeptSockets, IDisposable
{
    private readonly KeptSockets _kept;

    private NodeSockets(KeptSockets kept) => _kept = kept;

    public static NodeSockets Open(DataLayout layout, TimeProvider time, ILoggerFactory logs) =>
        new(KeptSockets.Open(layout.SocketHolder, Environment.GetEnvironmentVariable, time, logs.CreateLogger("sockets")));

    public Socket? Take(string name) => _kept.Take(name);

    public void Keep(string name, Socket socket) => _kept.Keep(name, socket);

    public void Dispose() => _kept.Dispose();
}
