using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Names of the cluster, asked from a pod on an agent.</summary>
public sealed class ClusterDnsTests(ThreeNodes nodes)
{
    [Fact]
    public async Task Names_are_answered_as_the_specification_says()
    {
        var desk = await nodes.Get();
        async Task<string> Ask(params string[] question) =>
            (await desk.Cluster.TryKubectl(["exec", desk.Pods[1].Name, "--", "busybox", "nslookup", .. question])).Output;

        Assert.Contains($"Address: {desk.ServiceAddress}", await Ask("web.default.svc.cluster.local"));
        var each = await Ask("each.default.svc.cluster.local");
        Assert.All(desk.Pods, pod => Assert.Contains(pod.Address, each));
        Assert.Contains("0 33 8080", Numbers(await Ask("-type=srv", "_http._tcp.each.default.svc.cluster.local")));
        Assert.Contains("0 100 80 web.default.svc.cluster.local", await Ask("-type=srv", "_http._tcp.web.default.svc.cluster.local"));
        Assert.Contains("name = web.default.svc.cluster.local", await Ask("-type=ptr", string.Join('.', desk.ServiceAddress.Split('.').Reverse()) + ".in-addr.arpa"));
        Assert.Contains("NXDOMAIN", await Ask("nobody.default.svc.cluster.local"));

        // "0 33 8080 name" whatever the weight of three is called.
        static string Numbers(string answer) => System.Text.RegularExpressions.Regex.Replace(answer, @"0 \d+ 8080", "0 33 8080");
    }

    [Fact]
    public async Task NodeHosts_names_the_nodes_and_what_people_add()
    {
        var desk = await nodes.Get();
        Task<string> Hosts() => desk.Cluster.Kubectl("get", "configmap", "-n", "kube-system", "coredns", "-o", "jsonpath={.data.NodeHosts}");
        var lines = await Eventually.Becomes(Hosts, text => desk.Hosts.All(host => text.Contains($"10.201.0.{host.Number} {host.Name}")), "each node has its line");
        Task Write(string text) => desk.Cluster.Kubectl("patch", "configmap", "-n", "kube-system", "coredns", "--type=merge", "-p",
            new JsonObject { ["data"] = new JsonObject { ["NodeHosts"] = text } }.ToJsonString());
        await Write($"192.0.2.21 scanner.home\n{lines}\n");
        foreach (var host in desk.Hosts)
        {
            await Eventually.Becomes(async () => (await host.Run("busybox", "nslookup", "scanner.home", "10.43.0.10")).Output, answer => answer.Contains("192.0.2.21"), $"{host.Name} knows the name");
            Assert.Contains($"10.201.0.{desk.Hosts[1].Number}", (await host.Run("busybox", "nslookup", desk.Hosts[1].Name, "10.43.0.10")).Output);
        }
        await Write(lines + "\n");
    }

    [Fact]
    public async Task What_is_written_to_coredns_custom_is_known_on_every_node()
    {
        var desk = await nodes.Get();
        await desk.Cluster.KubectlWithInput("""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: coredns-custom, namespace: kube-system}
            data:
              lab.server: |
                lab.example:53 {
                  hosts {
                    192.0.2.20 nas.lab.example
                  }
                }
            """, "apply", "-f", "-");
        try
        {
            foreach (var host in desk.Hosts)
                await Eventually.Becomes(async () => (await host.Run("busybox", "nslookup", "nas.lab.example", "10.43.0.10")).Output, answer => answer.Contains("192.0.2.20"), $"{host.Name} knows the name");
        }
        finally
        {
            await desk.Cluster.Kubectl("delete", "configmap", "-n", "kube-system", "coredns-custom");
        }
        foreach (var host in desk.Hosts)
            await Eventually.Becomes(async () => (await host.Run("busybox", "nslookup", "nas.lab.example", "10.43.0.10")).Output, answer => !answer.Contains("192.0.2.20"), $"{host.Name} has forgotten the name");
    }
}
