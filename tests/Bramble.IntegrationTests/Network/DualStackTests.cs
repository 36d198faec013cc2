using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Two families on three nodes: pods, services, names and policies over IPv6, through flannel's second tunnel; and IPv6 alone.</summary>
public sealed class DualStackTests
{
    private const string Token = "token-of-both";
    private const string Server = "https://10.201.0.140:6443";

    private const string Service = """
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: default}
        spec:
          type: NodePort
          ipFamilyPolicy: RequireDualStack
          selector: {app: web}
          ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30180}]
        """;

    [Fact]
    public async Task Pods_services_names_and_policies_work_over_IPv6()
    {
        var hosts = new List<TestHost>();
        Cluster? cluster = null;
        try
        {
            foreach (var (name, number) in new[] { ("net-six1", 140), ("net-six2", 141), ("net-six3", 142) })
            {
                var host = await TestHost.Up(name, number);
                hosts.Add(host);
                (await host.Shell($"ip address add {V6(host)}/64 dev eth0 nodad")).Succeeded();
            }
            cluster = await Cluster.StartOn(hosts[0], "--token", Token, "--cluster-cidr", "10.42.0.0/16,fd00:42::/56", "--service-cidr", "10.43.0.0/16,fd00:43::/112");
            foreach (var host in hosts.Skip(1)) await Agent.Start(host, Server, Token);
            foreach (var host in hosts) await cluster.WaitForNode(host.Name);
            Assert.Equal(string.Join(' ', hosts.SelectMany(host => new[] { host.Address, V6(host) })),
                await cluster.Kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.addresses[?(@.type==\"InternalIP\")].address}"));
            await cluster.KubectlWithInput(ThreeNodes.WebPods("\"[::]:8080\"") + "\n---\n" + Service, "apply", "-f", "-");
            await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
            var pods = await PodsOf(cluster, hosts, address: 1);
            var service = await cluster.Kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIPs[1]}");
            Assert.StartsWith("fd00:43::", service, StringComparison.Ordinal);

            await Eventually.Becomes(() => Failures(hosts, pods, service), failures => failures == "", "every path is open in IPv6", TimeSpan.FromSeconds(30));
            // Through the tunnel each node's pods are one network: whoever answers saw the pod's own address.
            Assert.Contains("dev flannel-v6.1", (await hosts[1].Run("ip", "-6", "route", "show", "fd00:42::/56", "root")).Output + (await hosts[1].Run("ip", "-6", "route")).Output);

            await cluster.KubectlWithInput("""{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"nobody","namespace":"default"},"spec":{"podSelector":{},"policyTypes":["Ingress"]}}""", "apply", "-f", "-");
            foreach (var to in pods)
                foreach (var from in pods.Where(from => from != to))
                    await Eventually.Becomes(() => Desk.CurlInPod(from, $"http://[{to.Address}]:8080/"), result => result.ExitCode == 28, $"{from.Host.Name} does not reach the pod on {to.Host.Name}");
            await cluster.Kubectl("delete", "networkpolicy", "nobody");
        }
        finally
        {
            if (cluster is not null) await cluster.DisposeAsync();
            foreach (var host in hosts.Skip(cluster is null ? 0 : 1)) await host.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_cluster_of_IPv6_alone()
    {
        var hosts = new List<TestHost>();
        Cluster? cluster = null;
        try
        {
            foreach (var (name, number) in new[] { ("only-six1", 43), ("only-six2", 44) })
            {
                var host = await TestHost.Up(name, number);
                hosts.Add(host);
                (await host.Shell($"ip address add {V6(host)}/64 dev eth0 nodad")).Succeeded();
            }
            // This machine's kubectl comes by IPv4 all the same.
            cluster = await Cluster.StartOn(hosts[0], "--token", Token, "--cluster-cidr", "fd00:42::/56", "--service-cidr", "fd00:43::/112", "--tls-san", hosts[0].Address);
            await Agent.Start(hosts[1], $"https://[{V6(hosts[0])}]:6443", Token);
            foreach (var host in hosts) await cluster.WaitForNode(host.Name);
            Assert.Equal(string.Join(' ', hosts.Select(V6)), await cluster.Kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.addresses[?(@.type==\"InternalIP\")].address}"));
            await cluster.KubectlWithInput(ThreeNodes.WebPods("\"[::]:8080\"") + "\n---\n" + Service.Replace("RequireDualStack", "SingleStack"), "apply", "-f", "-");
            await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
            var pods = await PodsOf(cluster, hosts, address: 0);
            var service = await cluster.Kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
            await Eventually.Becomes(() => Failures(hosts, pods, service), failures => failures == "", "every path is open", TimeSpan.FromSeconds(30));
            foreach (var pod in pods) Assert.Equal(pod.Name, await cluster.Kubectl("exec", pod.Name, "--", "busybox", "hostname"));
            await cluster.Kubectl("create", "ingress", "web", "--rule=six.example/*=web:80");
            foreach (var host in hosts)
                await Eventually.Becomes(() => Command.Run("curl", ["-sS", "-m", "4", "-H", "Host: six.example", $"http://{host.Address}/"]), answer => pods.Any(pod => pod.Name == answer.Output.Trim()), $"the ingress of {host.Name} reaches a pod");
        }
        finally
        {
            if (cluster is not null) await cluster.DisposeAsync();
            foreach (var host in hosts.Skip(cluster is null ? 0 : 1)) await host.DisposeAsync();
        }
    }

    private static string V6(TestHost host) => $"fd00:201::{host.Number}";

    private static async Task<List<WebPod>> PodsOf(Cluster cluster, List<TestHost> hosts, int address)
    {
        var lines = await cluster.Kubectl("get", "pods", "-l", "app=web", "-o", $"jsonpath={{range .items[*]}}{{.metadata.name}} {{.spec.nodeName}} {{.status.podIPs[{address}].ip}}{{\"\\n\"}}{{end}}");
        var pods = new List<WebPod>();
        foreach (var words in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')))
        {
            var host = hosts.Single(host => host.Name == words[1]);
            pods.Add(new WebPod(words[0], host, words[2], await Desk.PidOf(host, words[0])));
        }
        return pods;
    }

    private static async Task<string> Failures(List<TestHost> hosts, List<WebPod> pods, string service)
    {
        var failures = new List<string>();
        async Task Check(string path, Task<CommandResult> answer, Func<string, bool> isRight)
        {
            var result = await answer;
            if (result.ExitCode != 0 || !isRight(result.Output.Trim())) failures.Add($"{path}: {result.Output.Trim()} {result.Errors.Trim()}");
        }
        bool IsWeb(string answer) => pods.Any(pod => pod.Name == answer);
        foreach (var from in pods)
        {
            foreach (var to in pods)
            {
                await Check($"{from.Host.Name} pod → {to.Host.Name} pod", Desk.CurlInPod(from, $"http://[{to.Address}]:8080/"), answer => answer == to.Name);
                await Check($"{from.Host.Name} → {to.Host.Name} pod", Desk.CurlOnHost(from.Host, $"http://[{to.Address}]:8080/"), answer => answer == to.Name);
                await Check($"{from.Host.Name} pod → NodePort of {to.Host.Name}", Desk.CurlInPod(from, $"http://[{V6(to.Host)}]:30180/"), IsWeb);
            }
            for (var i = 0; i < 3; i++) await Check($"{from.Host.Name} pod → service", Desk.CurlInPod(from, $"http://[{service}]/"), IsWeb);
            await Check($"{from.Host.Name} pod → service name, IPv6 only", Desk.CurlInPod(from, "-6 http://web/"), IsWeb);
            await Check($"{from.Host.Name} → service", Desk.CurlOnHost(from.Host, $"http://[{service}]/"), IsWeb);
            await Check($"{from.Host.Name} → DNS over IPv6", from.Host.Run("busybox", "nslookup", "web.default.svc.cluster.local", "fd00:43::a"), answer => answer.Contains(service));
        }
        return string.Join('\n', failures);
    }
}
