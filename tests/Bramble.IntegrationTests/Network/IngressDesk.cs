using Bramble.IntegrationTests.Network;
using Bramble.IntegrationTests.Support;

[assembly: AssemblyFixture(typeof(IngressDesk))]

namespace Bramble.IntegrationTests.Network;

/// <summary>A server and an agent whose ingress the tests ask, and an application on this machine behind it. Made when the first test asks for it.</summary>
public sealed class IngressDesk : IAsyncLifetime
{
    private const string Token = "token-of-the-ingress";
    private Cluster? _cluster;
    private TestHost? _agent;
    private TestBackend? _backend;
    private Task? _started;

    internal Cluster Cluster => _cluster!;
    internal TestHost Agent => _agent!;
    internal TestBackend Backend => _backend!;

    internal async Task<IngressDesk> Get()
    {
        await (_started ??= Start());
        return this;
    }

    /// <summary>A namespace with the Service <c>app</c>, which leads to <see cref="Backend"/>.</summary>
    internal async Task<string> NewNamespace(string prefix)
    {
        var ns = await Cluster.NewNamespace(prefix);
        await Cluster.KubectlWithInput(Backend.Manifest(ns, "app"), "apply", "-f", "-");
        return ns;
    }

    /// <summary>curl on this machine, which is no node.</summary>
    internal static Task<CommandResult> Curl(params string[] arguments) => Command.Run("curl", ["-sS", "-m", "10", .. arguments]);

    /// <summary>The Ingress <c>app</c> of a namespace that leads to its Service <c>app</c>.</summary>
    internal static string Ingress(string ns, string host, string tls = "", int port = 80) => $$$"""
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: app, namespace: {{{ns}}} }
        spec:
        {{{tls}}}
          rules:
          - host: "{{{host}}}"
            http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: {{{port}}} } } } }]}
        """;

    /// <summary>Asks for a host at an address until the answer satisfies.</summary>
    internal static async Task<string> Becomes(string host, string url, Func<string, bool> satisfied, params string[] arguments) =>
        (await Eventually.Becomes(() => Curl([url, "-H", $"Host: {host}", .. arguments]), result => satisfied(result.Output), $"{host} at {url}", TimeSpan.FromSeconds(20))).Output;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_agent is not null) await _agent.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
        if (_backend is not null) await _backend.DisposeAsync();
    }

    private async Task Start()
    {
        _backend = await TestBackend.Start();
        var cluster = _cluster = await Cluster.Start("ing1", 130, "--token", Token);
        var agent = _agent = await TestHost.Up("ing2", 131);
        // Somebody is at port 80 before us.
        (await agent.Shell("setsid busybox httpd -f -p 80 -h /run >/dev/null 2>&1 </dev/null & echo $! >/run/other.pid; for i in 1 2 3 4 5 6 7 8 9; do ss -ltn | grep -q ':80 ' && break; sleep 0.1; done")).Succeeded();
        await Network.Agent.Start(agent, "https://10.201.0.130:6443", Token);
        await cluster.WaitForNode("ing2");
    }
}
