using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>A board without a default route, on a kernel without bridge netfilter, whose port 53 belongs to a Pi-hole.</summary>
public sealed class IsletTests
{
    /// <summary>Answers every name with 192.0.2.77.</summary>
    internal const string Resolver = """
        import socket, struct
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53))
        while True:
            q, a = s.recvfrom(2048)
            end = q.index(0, 12) + 5
            is_a = struct.unpack(">H", q[end - 4:end - 2])[0] == 1
            s.sendto(q[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, is_a, 0, 0) + q[12:end] + (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 77]) if is_a else b""), a)
        """;

    [Fact]
    public async Task Pods_services_and_names_work()
    {
        var host = await TestHost.Up("islet", 205, defaultRoute: false);
        (await host.Shell("echo nameserver 10.201.0.205 >/run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf")).Succeeded();
        (await host.Shell("echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables; mount --bind /proc/sys/net/bridge /proc/sys/net/bridge; mount -o remount,bind,ro /proc/sys/net/bridge")).Succeeded();
        (await host.Run("bash", "-c", "setsid python3 -c \"$1\" >/run/dns.log 2>&1 </dev/null &", "start", Resolver)).Succeeded();
        await using var cluster = await Cluster.StartOn(host);
        await cluster.Kubectl("create", "deployment", "web", "--image=busybox:1", "--replicas=2", "--", "sh", "-c", "mkdir /w; hostname >/w/index.html; exec httpd -f -p 8080 -h /w");
        await cluster.Kubectl("expose", "deployment", "web", "--type=NodePort", "--port=80", "--target-port=8080");
        await cluster.Kubectl("rollout", "status", "deployment/web", "--timeout=60s");
        var pods = (await cluster.Kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.name}")).Split(' ');
        var address = await cluster.Kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
        var port = await cluster.Kubectl("get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}");
        var pod = new WebPod(pods[0], cluster.Host, "", await Desk.PidOf(cluster.Host, pods[0], "busybox"));

        Assert.Contains((await Desk.CurlOnHost(cluster.Host, $"http://{address}/")).Succeeded(), pods);
        Assert.Contains((await Desk.CurlOnHost(cluster.Host, $"http://127.0.0.1:{port}/")).Succeeded(), pods);
        // Often enough that both pods, the asking one too, are met.
        for (var i = 0; i < 8; i++)
            Assert.Contains((await Desk.CurlInPod(pod, "http://web/")).Succeeded(), pods);
        Assert.Contains(address, await cluster.Kubectl("exec", pods[0], "--", "busybox", "nslookup", "web.default.svc.cluster.local"));
        Assert.Contains("192.0.2.77", (await cluster.TryKubectl("exec", pods[0], "--", "busybox", "nslookup", "pi.hole.test")).Output);
        Assert.Contains("192.0.2.77", (await cluster.Host.Run("busybox", "nslookup", "pi.hole.test", "127.0.0.1")).Output);

        // Policies hold between the two pods although nothing shows bridged packets to the rules.
        var other = await cluster.Kubectl("get", "pod", pods[1], "-o", "jsonpath={.status.podIP}");
        Assert.Equal(pods[1], (await Desk.CurlInPod(pod, $"http://{other}:8080/")).Succeeded());
        await cluster.KubectlWithInput("""{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"nobody","namespace":"default"},"spec":{"podSelector":{},"policyTypes":["Ingress"]}}""", "apply", "-f", "-");
        await Eventually.Becomes(() => Desk.CurlInPod(pod, $"http://{other}:8080/"), result => result.ExitCode == 28, "the neighbour is out of reach");
        Assert.Equal(pods[1], (await Desk.CurlOnHost(cluster.Host, $"http://{other}:8080/")).Succeeded());
    }
}
