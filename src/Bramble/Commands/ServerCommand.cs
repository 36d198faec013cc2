using Bramble.Configuration;
using Bramble.Serving;

namespace Bramble.Commands;

/// <summary><c>bramble server</c>, as K3s' <c>k3s server</c>.</summary>
internal static class ServerCommand
{
    public static Task<int> RunAsync(string[] words) =>
        new LongRunningCommand("server", "Run the control plane and, unless --disable-agent, a node", ServerFlags.All) { SkipsUnknownKeys = true }.RunAsync(words, flags =>
        {
            var config = ServerConfig.From(flags);
            if (config.RunsNode) LongRunningCommand.RequireNodeRights("sudo bramble server (or --disable-agent for the control plane alone)", config.RuntimeEndpoint);
            return (logs, stop) => new ServerProcess(config, TimeProvider.System, logs).RunAsync(stop);
        });
}
