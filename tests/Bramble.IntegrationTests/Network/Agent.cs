using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>An agent's process in a host of its own; its log is /run/k3s.log there, its pid in /run/agent.pid.</summary>
internal static class Agent
{
    public static Task Start(TestHost host, string server, string token, params string[] arguments) => StartBinary(host, TestFiles.Bramble, server, token, arguments);

    /// <summary>Starts another binary than the one under test.</summary>
    public static async Task StartBinary(TestHost host, string binary, string server, string token, params string[] arguments)
    {
        (await host.Shell($"mkdir -p /var/lib/rancher/k3s/agent/images && cp {TestFiles.BusyboxImage} /var/lib/rancher/k3s/agent/images/")).Succeeded();
        (await host.Run(["bash", "-c", "setsid \"$@\" >/run/k3s.log 2>&1 </dev/null & echo $! >/run/agent.pid", "start", binary, "agent", "--server", server, "--token", token, .. arguments])).Succeeded();
    }

    public static async Task Stop(TestHost host) => (await host.Shell("pid=$(cat /run/agent.pid); kill -TERM $pid; while [ -d /proc/$pid ]; do sleep 0.02; done")).Succeeded();

    /// <summary>Waits for a text in its log.</summary>
    public static Task Logs(TestHost host, string text) =>
        Eventually.Becomes(async () => (await host.Run("cat", "/run/k3s.log")).Output, log => log.Contains(text, StringComparison.Ordinal), $"the agent on {host.Name} says \"{text}\"");
}
