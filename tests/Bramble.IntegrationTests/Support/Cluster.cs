using System.Text.Json.Nodes;

namespace Bramble.IntegrationTests.Support;

/// <summary>A server with its node in a test host, and the real kubectl that talks to it from this machine.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private const string DataDir = "/var/lib/rancher/k3s";
    private readonly string _folder = Directory.CreateTempSubdirectory("bramble-test-").FullName;

    private Cluster(TestHost host) => Host = host;

    /// <summary>The machine of the server.</summary>
    public TestHost Host { get; }

    /// <summary>A kubeconfig of the administrator that works on this machine.</summary>
    public string Kubeconfig => Path.Combine(_folder, "kubeconfig");

    /// <summary>Makes the host, starts the server there with the busybox image beside it and waits until the node is Ready.</summary>
    public static async Task<Cluster> Start(string name, int number, params string[] arguments) => await StartOn(await TestHost.Up(name, number), arguments);

    /// <summary>The same on a host that is up; the cluster takes it over.</summary>
    public static Task<Cluster> StartOn(TestHost host, params string[] arguments) => StartOn(host, isReady: true, arguments);

    /// <summary>The same with a node that does not become Ready, as its pod network is to come from somebody else.</summary>
    public static async Task<Cluster> StartWithoutReadyNode(string name, int number, params string[] arguments) => await StartOn(await TestHost.Up(name, number), isReady: false, arguments);

    /// <summary>A server that is told to have no node.</summary>
    public static async Task<Cluster> StartWithoutNode(string name, int number, params string[] arguments)
    {
        var cluster = new Cluster(await TestHost.Up(name, number));
        try
        {
            await cluster.StartServer(["--disable-agent", .. arguments]);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private static async Task<Cluster> StartOn(TestHost host, bool isReady, string[] arguments)
    {
        var cluster = new Cluster(host);
        try
        {
            (await cluster.Host.Shell($"mkdir -p {DataDir}/agent/images && cp {TestFiles.BusyboxImage} {DataDir}/agent/images/")).Succeeded();
            await cluster.StartServer(arguments);
            if (isReady) await cluster.WaitForNode(host.Name);
            else await Eventually.Becomes(() => cluster.TryKubectl("get", "node", host.Name), result => result.ExitCode == 0, $"node {host.Name} is registered");
            return cluster;
        }
        catch
        {
            // Nobody else would take the host down.
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the server's process and waits for its kubeconfig and /readyz; its log is /run/k3s.log in the host, its pid in /run/server.pid.</summary>
    public Task StartServer(params string[] arguments) => StartServerBinary(TestFiles.Bramble, arguments);

    /// <summary>The same with another binary than the one under test.</summary>
    public async Task StartServerBinary(string binary, params string[] arguments)
    {
        (await Host.Run(["bash", "-c", "setsid \"$@\" >>/run/k3s.log 2>&1 </dev/null & echo $! >/run/server.pid", "start", binary, "server", .. arguments])).Succeeded();
        await Eventually.Becomes(async () =>
        {
            var config = await Host.Run("cat", "/etc/rancher/k3s/k3s.yaml");
            if (config.ExitCode != 0) return await Log();
            await File.WriteAllTextAsync(Kubeconfig, config.Output.Replace("127.0.0.1", Host.Address));
            var ready = await TryKubectl("get", "--raw", "/readyz");
            return ready.ExitCode == 0 ? "ok" : ready.Errors + await Log();
        }, answer => answer == "ok", "the server is ready");
    }

    /// <summary>Sends the server a signal (as kill names it) and waits until its process is gone.</summary>
    public async Task StopServer(string signal) => (await Host.Shell($"pid=$(cat /run/server.pid); kill -{signal} $pid; while [ -d /proc/$pid ]; do sleep 0.02; done")).Succeeded();

    /// <summary>The end of the server's log, for a failing test's message.</summary>
    public async Task<string> Log() => (await Host.Run("tail", "-n", "20", "/run/k3s.log")).Output;

    public Task WaitForNode(string name) => Eventually.Becomes(
        async () => (await TryKubectl("get", "node", name, "-o", "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}")).Output + (await Log()),
        answer => answer.StartsWith("True", StringComparison.Ordinal), $"node {name} is Ready");

    /// <summary>kubectl's output; the test fails when it fails.</summary>
    public async Task<string> Kubectl(params string[] arguments) => (await TryKubectl(arguments)).Succeeded();

    /// <summary>kubectl to its end, however it ends.</summary>
    public Task<CommandResult> TryKubectl(params string[] arguments) => Command.Run(TestFiles.Kubectl, ["--kubeconfig", Kubeconfig, .. arguments]);

    /// <summary>kubectl with something on its standard input, often a manifest.</summary>
    public async Task<string> KubectlWithInput(string input, params string[] arguments) => (await KubectlWithInput(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(input)), arguments)).Succeeded();

    /// <summary>kubectl with a stream as its standard input.</summary>
    public Task<CommandResult> KubectlWithInput(Stream input, params string[] arguments) => Command.Run(TestFiles.Kubectl, ["--kubeconfig", Kubeconfig, .. arguments], input);

    /// <summary>helm to its end, with its own folders.</summary>
    public Task<CommandResult> Helm(params string[] arguments) =>
        Command.Run(TestFiles.Helm, ["--kubeconfig", Kubeconfig, .. arguments], environment: new Dictionary<string, string> { ["HOME"] = _folder });

    /// <summary>An object as JSON.</summary>
    public async Task<JsonNode> Get(params string[] arguments) => JsonNode.Parse(await Kubectl(["get", "-o", "json", .. arguments]))!;

    /// <summary>A new namespace for a test, whose name begins with <paramref name="prefix"/>; with its service account, so that pods may start.</summary>
    public async Task<string> NewNamespace(string prefix)
    {
        var name = $"{prefix}-{Guid.NewGuid().ToString("N")[..6]}";
        await Kubectl("create", "namespace", name);
        await Eventually.Becomes(() => TryKubectl("get", "-n", name, "serviceaccount", "default"), result => result.ExitCode == 0, $"the default service account of {name}");
        return name;
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
