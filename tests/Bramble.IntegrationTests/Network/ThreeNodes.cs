using Bramble.IntegrationTests.Network;
using Bramble.IntegrationTests.Support;

[assembly: AssemblyFixture(typeof(ThreeNodes))]

namespace Bramble.IntegrationTests.Network;

/// <summary>The desk: a server and two agents, of which the first agent was switched on before the server. On each node a pod of the DaemonSet <c>web</c>
/// answers its name on port 8080; the Service of that name leads to all three. Made when the first test asks for it.</summary>
public sealed class ThreeNodes : IAsyncLifetime
{
    private const string Token = "token-of-the-desk";
    private readonly List<TestHost> _agents = [];
    private Cluster? _cluster;
    private Task<Desk>? _desk;

    /// <summary>One start for all tests, which run one after the other; when it failed it has failed for all.</summary>
    internal Task<Desk> Get() => _desk ??= Start();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var agent in _agents) await agent.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    private async Task<Desk> Start()
    {
        var early = await TestHost.Up("desk2", 202);
        _agents.Add(early);
        await Agent.Start(early, "https://10.201.0.201:6443", Token);
        await Agent.Logs(early, "Not joined yet");
        var cluster = _cluster = await Cluster.Start("desk1", 201, "--token", Token);
        var pinned = (await cluster.Host.Run("cat", "/var/lib/rancher/k3s/server/node-token")).Succeeded();
        var late = await TestHost.Up("desk3", 203);
        _agents.Add(late);
        await Agent.Start(late, "https://10.201.0.201:6443", pinned, "--node-label", "disk=ssd", "--node-taint", "slow=yes:PreferNoSchedule");
        await cluster.WaitForNode("desk2");
        await cluster.WaitForNode("desk3");
        await cluster.KubectlWithInput(WebPods("8080") + "\n---\n" + Services, "apply", "-f", "-");
        await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
        var desk = new Desk(cluster, [early, late], pinned);
        await desk.FindPods();
        return desk;
    }

    /// <summary>A pod on each node that answers its name.</summary>
    /// <param name="listen">What its server listens on: a port, or address and port.</param>
    internal static string WebPods(string listen) => """
        apiVersion: apps/v1
        kind: DaemonSet
        metadata: {name: web, namespace: default}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              terminationGracePeriodSeconds: 1
              containers:
              - name: web
                image: busybox:1
                command: [sh, -c, 'mkdir /w; hostname > /w/index.html; echo up on $(hostname); exec httpd -f -p LISTEN -h /w']
                ports: [{name: http, containerPort: 8080, hostPort: 8099}, {name: own, containerPort: 8080, hostPort: 8098, hostIP: 127.0.0.1}]
                readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
        """.Replace("LISTEN", listen);

    private const string Services = """
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: default}
        spec:
          type: NodePort
          selector: {app: web}
          ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: each, namespace: default}
        spec:
          clusterIP: None
          selector: {app: web}
          ports: [{name: http, port: 8080}]
        """;
}
