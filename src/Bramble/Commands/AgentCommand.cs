using Bramble.Configuration;
using Bramble.Serving;

namespace Bramble.Commands;

/// <summary><c>bramble agent</c>, as K3s' <c>k3s agent</c>.</summary>
internal static class AgentCommand
{
    public static Task<int> RunAsync(string[] words) =>
        new LongRunningCommand("agent", "Run a node of a cluster whose server is elsewhere", AgentFlags.All).RunAsync(words, flags =>
        {
            LongRunningCommand.RequireNodeRights("sudo bramble agent", flags.Text(ServerFlags.ContainerRuntimeEndpoint));
            var config = AgentConfig.From(flags);
            return (logs, stop) => new AgentProcess(config, TimeProvider.System, logs).RunAsync(stop);
        });
}
