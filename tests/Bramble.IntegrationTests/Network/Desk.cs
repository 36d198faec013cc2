using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>A pod of the desk's DaemonSet, and its container's process as its host sees it.</summary>
internal sealed record WebPod(string Name, TestHost Host, string Address, string Pid);

/// <summary>The cluster of three with what runs on it.</summary>
internal sealed record Desk(Cluster Cluster, TestHost[] Agents, string PinnedToken)
{
    public IReadOnlyList<TestHost> Hosts => [Cluster.Host, .. Agents];

    /// <summary>The DaemonSet's pods, the server's first.</summary>
    public IReadOnlyList<WebPod> Pods { get; private set; } = [];

    public string ServiceAddress { get; private set; } = "";

    public async Task FindPods()
    {
        ServiceAddress = await Cluster.Kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
        var lines = await Cluster.Kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName} {.status.podIP}{\"\\n\"}{end}");
        var pods = new List<WebPod>();
        foreach (var line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')))
        {
            var host = Hosts.Single(host => host.Name == line[1]);
            pods.Add(new WebPod(line[0], host, line[2], await PidOf(host, line[0])));
        }
        Pods = [.. pods.OrderBy(pod => pod.Host.Number)];
    }

    /// <summary>curl as if it ran in the pod: its network, its resolv.conf (busybox' own client cannot resolve names, being static).</summary>
    public static Task<CommandResult> CurlInPod(WebPod pod, string url) => pod.Host.Run(
        "nsenter", "--target", pod.Pid, "--net", "--", "unshare", "--mount", "sh", "-c",
        $"f=$(mktemp -p /run); cat /proc/{pod.Pid}/root/etc/resolv.conf >$f; mount --bind $f /etc/resolv.conf; exec curl -sSk -m 4 {url}");

    public static Task<CommandResult> CurlOnHost(TestHost host, string url) => host.Run("curl", "-sSk", "-m", "4", url);

    /// <summary>curl on this machine, which is no node: the LAN.</summary>
    public static Task<CommandResult> CurlOutside(string url) => Command.Run("curl", ["-sSk", "-m", "4", url]);

    /// <summary>The process of a pod's container <c>web</c>, as its host sees it.</summary>
    public static async Task<string> PidOf(TestHost host, string pod, string container = "web") => (await host.Shell($$"""
        c="ctr -a /run/k3s/containerd/containerd.sock -n k8s.io"
        for id in $($c containers ls -q 'labels."io.kubernetes.pod.name"=={{pod}},labels."io.kubernetes.container.name"=={{container}}'); do
            $c tasks ls | awk -v id=$id '$1 == id && $3 == "RUNNING" { print $2 }'
        done
        """)).Succeeded();
}
