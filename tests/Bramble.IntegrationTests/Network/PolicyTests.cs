using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>NetworkPolicies between real pods of three nodes.</summary>
public sealed class PolicyTests(ThreeNodes nodes)
{
    private const string OnlyFriends = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: only-friends, namespace: default}
        spec:
          podSelector: {matchLabels: {app: web}}
          policyTypes: [Ingress, Egress]
          ingress:
          - from: [{podSelector: {matchLabels: {role: friend}}}]
            ports: [{port: http}]
          egress:
          - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
            ports: [{protocol: UDP, port: 53}]
        """;

    private const string Silent = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: silent, namespace: default}
        spec: {podSelector: {matchLabels: {asks: nobody}}, policyTypes: [Egress]}
        """;

    [Fact]
    public async Task Only_friends_come_in_and_only_questions_go_out()
    {
        var desk = await nodes.Get();
        var cluster = desk.Cluster;
        foreach (var role in new[] { "friend", "foe" }) await cluster.Kubectl("run", role, "--image=busybox:1", $"--labels=role={role}", "--", "sleep", "10000");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/friend", "pod/foe", "--timeout=60s");
        var (friend, foe) = (await Find(desk, "friend"), await Find(desk, "foe"));
        try
        {
            await cluster.KubectlWithInput(OnlyFriends, "apply", "-f", "-");
            foreach (var web in desk.Pods)
            {
                await Eventually.Becomes(() => Desk.CurlInPod(foe, $"http://{web.Address}:8080/"), result => result.ExitCode == 28, $"the foe does not reach the pod on {web.Host.Name}");
                Assert.Equal(web.Name, (await Desk.CurlInPod(friend, $"http://{web.Address}:8080/")).Succeeded());
                Assert.Equal(web.Name, (await Desk.CurlOnHost(web.Host, $"http://{web.Address}:8080/")).Succeeded());
            }
            var any = desk.Pods[1];
            Assert.Contains(desk.ServiceAddress, (await cluster.TryKubectl("exec", any.Name, "--", "busybox", "nslookup", "web.default.svc.cluster.local")).Output);
            Assert.Equal(28, (await Desk.CurlInPod(any, $"http://{desk.Pods[0].Address}:8080/")).ExitCode);
            Assert.Equal(28, (await Desk.CurlInPod(any, "https://10.43.0.1/ping")).ExitCode);
        }
        finally
        {
            await cluster.Kubectl("delete", "networkpolicy", "only-friends", "--ignore-not-found");
            await cluster.Kubectl("delete", "pod", "friend", "foe", "--force", "--grace-period=0");
        }
        await Eventually.Becomes(async () => string.Concat(await Task.WhenAll(desk.Hosts.Select(async host => (await host.Run("nft", "list", "tables")).Output))),
            tables => !tables.Contains("bramble-policy"), "without a policy there is no table");
    }

    [Fact]
    public async Task A_new_pods_first_packet_is_held_already()
    {
        var cluster = (await nodes.Get()).Cluster;
        await cluster.KubectlWithInput(Silent, "apply", "-f", "-");
        try
        {
            // One question, at once; and a control that may ask.
            foreach (var asks in new[] { "nobody", "anybody" })
                await cluster.Kubectl("run", asks, "--image=busybox:1", $"--labels=asks={asks}", "--restart=Never", "--", "sh", "-c", "busybox nslookup web.default.svc.cluster.local 10.43.0.10; echo asked");
            async Task<string> Heard(string pod) => await Eventually.Becomes(async () => (await cluster.TryKubectl("logs", pod)).Output, log => log.Contains("asked"), $"{pod} has asked");
            Assert.Contains("Address: 10.43.", await Heard("anybody"));
            Assert.DoesNotContain("Address: 10.43.", (await Heard("nobody")).Replace("Address: 10.43.0.10", ""));
        }
        finally
        {
            await cluster.Kubectl("delete", "networkpolicy", "silent");
            await cluster.Kubectl("delete", "pod", "nobody", "anybody", "--force", "--grace-period=0");
        }
    }

    private static async Task<WebPod> Find(Desk desk, string pod)
    {
        var words = (await desk.Cluster.Kubectl("get", "pod", pod, "-o", "jsonpath={.spec.nodeName} {.status.podIP}")).Split(' ');
        var host = desk.Hosts.Single(host => host.Name == words[0]);
        return new WebPod(pod, host, words[1], await Desk.PidOf(host, pod, pod));
    }
}
