using System.Diagnostics;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>What MetalLB's two programs do, as small as can be: the controller writes an address of its pool to the status of LoadBalancer Services, a speaker
/// answers ARP for these addresses on its node. Each knows the API server only through the token of its service account.</summary>
internal static class LoadBalancerStandIn
{
    /// <summary>No test host has it.</summary>
    public const string Address = "10.201.0.251";

    private const string Script = """
        import json, os, socket, ssl, struct, sys, threading, urllib.request
        role, server, ca, token, pool = sys.argv[1:6]
        tls = ssl.create_default_context(cafile=ca)
        def call(path, method="GET", body=None):
            headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
            return urllib.request.urlopen(urllib.request.Request(server + path, method=method, data=body and json.dumps(body).encode(), headers=headers), context=tls)
        def services():
            listed = json.load(call("/api/v1/services"))
            yield from (s for s in listed["items"])
            for line in call("/api/v1/services?watch=1&resourceVersion=" + listed["metadata"]["resourceVersion"]):
                yield json.loads(line)["object"]
        def given(service):
            return [i["ip"] for i in service.get("status", {}).get("loadBalancer", {}).get("ingress", [])]
        announced = set()
        def speak():
            mac = bytes.fromhex(open("/sys/class/net/eth0/address").read().replace(":", ""))
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)); s.bind(("eth0", 0x0806))
            def arp(operation, address, to, to_address):
                s.send(to + mac + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation) + mac + socket.inet_aton(address) + to + socket.inet_aton(to_address))
            def answer():
                while True:
                    p = s.recv(128)
                    asked = socket.inet_ntoa(p[38:42])
                    if p[20:22] == b"\0\1" and asked in announced: arp(2, asked, p[22:28], socket.inet_ntoa(p[28:32]))
            threading.Thread(target=answer, daemon=True).start()
            return lambda address: arp(1, address, b"\xff" * 6, address)
        announce = speak() if role == "speaker" else None
        for service in services():
            if service["spec"].get("type") != "LoadBalancer": continue
            if role == "controller" and not given(service):
                service["status"]["loadBalancer"] = {"ingress": [{"ip": pool, "ipMode": "VIP"}]}
                m = service["metadata"]
                call("/api/v1/namespaces/%s/services/%s/status" % (m["namespace"], m["name"]), "PUT", service)
            if role == "speaker":
                for ip in given(service):
                    announced.add(ip); announce(ip)
                    print("announced", ip, flush=True)
        """;

    /// <param name="role"><c>controller</c> or <c>speaker</c>.</param>
    public static async Task<Process> Start(Cluster cluster, TestHost host, string role)
    {
        var token = await cluster.Kubectl("create", "token", role, "-n", "metallb-system");
        (await host.Run("bash", "-c", "printf %s \"$1\" >/run/cluster-ca.crt", "ca", await cluster.Kubectl("get", "configmap", "kube-root-ca.crt", "-n", "default", "-o", "jsonpath={.data.ca\\.crt}"))).Succeeded();
        return host.Start("python3", "-c", Script, role, $"https://{cluster.Host.Address}:6443", "/run/cluster-ca.crt", token, Address);
    }
}
