using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.RegularExpressions;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>The ingress of server and agent, asked from outside with real clients: in the place of K3s' Traefik.</summary>
public sealed class IngressTests(IngressDesk desk)
{
    private const string Server = "http://10.201.0.130";

    [Fact]
    public async Task A_request_reaches_its_service_with_the_clients_address()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-plain");
        Assert.Equal("404 page not found\n404", (await IngressDesk.Curl("-w", "%{http_code}", $"{Server}/", "-H", "Host: plain.example")).Succeeded());
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "plain.example"), "apply", "-f", "-");
        var answer = await IngressDesk.Becomes("plain.example", $"{Server}/a%2Fb/./c?q=%20x", text => text.StartsWith("HTTP/1.1 GET /a%2Fb/", StringComparison.Ordinal), "-H", "X-Forwarded-For: 1.2.3.4", "-H", "X-Forwarded-Prefix: /admin", "-H", "X-Forwarded-Tls-Client-Cert: me", "--path-as-is");
        // The path is the client's to the byte.
        Assert.Contains("GET /a%2Fb/./c?q=%20x\n", answer);
        Assert.Contains("host: plain.example\n", answer);
        Assert.Contains("x-forwarded-for: 10.201.0.1\n", answer);
        Assert.Contains("x-forwarded-host: plain.example\n", answer);
        Assert.Contains("x-forwarded-port: 80\n", answer);
        Assert.Contains("x-forwarded-proto: http\n", answer);
        Assert.Contains("x-real-ip: 10.201.0.1\n", answer);
        Assert.DoesNotContain("x-forwarded-prefix", answer);
        Assert.DoesNotContain("x-forwarded-tls-client-cert", answer);
        await Eventually.Becomes(() => desk.Cluster.Kubectl("get", "ingress", "-n", ns, "app", "-o", "jsonpath={.spec.ingressClassName} {.status.loadBalancer.ingress[*].ip}"),
            status => status == "traefik 10.201.0.130 10.201.0.131", "the default class and all nodes' addresses");
        var metrics = await desk.Cluster.Kubectl("get", "--raw", "/api/v1/nodes/ing1/proxy/metrics");
        Assert.Contains($"traefik_service_requests_total{{code=\"200\",service=\"{ns}-app-80@kubernetes\",method=\"GET\",protocol=\"http\"}}", metrics);
        Assert.Contains("traefik_entrypoint_requests_total{code=\"404\",entrypoint=\"web\",method=\"GET\",protocol=\"http\"}", metrics);
    }

    [Fact]
    public async Task The_access_log_is_switched_on_for_every_node_and_off_again()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-log");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "log.example"), "apply", "-f", "-");
        foreach (var address in new[] { "10.201.0.130", "10.201.0.131" }) await IngressDesk.Becomes("log.example", $"https://{address}/", text => text.Contains("host: log.example"), "-k", "--resolve", $"log.example:443:{address}");
        await desk.Cluster.Kubectl("annotate", "ingressclass", "traefik", "ingress.bramble.io/access-log=true");
        foreach (var host in new[] { desk.Cluster.Host, desk.Agent })
            await Eventually.Becomes(async () =>
            {
                (await IngressDesk.Curl("-k", $"https://{host.Address}/seen?x=1", "-H", "Host: log.example", "-A", "a \"curl\"", "-o", "/dev/null")).Succeeded();
                return (await host.Shell("grep /seen /run/k3s.log | tail -n 1 | tr -d '\\\\'")).Output;
            }, log => Regex.IsMatch(log, $"""10\.201\.0\.1 - - \[../.../....:..:..:.. \+0000\] "GET /seen\?x=1 HTTP/2" 200 - "-" "a _curl_" "{ns}-app" "{ns}-app-80" [0-9]+ms"""), $"{host.Name} has logged the request");
        await desk.Cluster.Kubectl("annotate", "ingressclass", "traefik", "ingress.bramble.io/access-log-");
        var quiet = 0;
        await Eventually.Becomes(async () =>
        {
            (await IngressDesk.Curl("-k", $"https://10.201.0.130/quiet{++quiet}", "-H", "Host: log.example", "-o", "/dev/null")).Succeeded();
            return (await desk.Cluster.Host.Run("grep", "-ac", $"/quiet{quiet} ", "/run/k3s.log")).Output.Trim();
        }, count => count == "0", "nothing is logged any more");
    }

    [Fact]
    public async Task A_policy_that_names_Traefik_lets_the_ingress_of_every_node_in_and_one_that_does_not_keeps_it_out()
    {
        await desk.Get();
        var ns = await desk.Cluster.NewNamespace("ing-policy");
        await desk.Cluster.KubectlWithInput($$$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: app, namespace: {{{ns}}}, labels: {app: app} }
            spec:
              nodeName: ing2
              terminationGracePeriodSeconds: 1
              containers: [{name: web, image: "busybox:1", command: [sh, -c, 'mkdir /w; echo from the pod > /w/index.html; exec httpd -f -p 8080 -h /w'], readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1} }]
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: app, namespace: {{{ns}}} }
            spec: {selector: {app: app}, ports: [{port: 80, targetPort: 8080}]}
            ---
            {{{IngressDesk.Ingress(ns, "policy.example")}}}
            ---
            {{{Policy("podSelector: {matchLabels: {role: friend} }")}}}
            """, "apply", "-f", "-");
        await desk.Cluster.Kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/app", "--timeout=60s");
        // Its own node always reaches it; from another one the ingress is a stranger.
        await IngressDesk.Becomes("policy.example", "https://10.201.0.131/", text => text == "from the pod\n", "-k");
        await IngressDesk.Becomes("policy.example", $"{Server}/", text => text is "Bad Gateway" or "no available server\n");
        await desk.Cluster.KubectlWithInput(
            Policy("namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system} }, podSelector: {matchLabels: {app.kubernetes.io/name: traefik} }"), "apply", "-f", "-");
        foreach (var node in new[] { Server, "https://10.201.0.131" }) await IngressDesk.Becomes("policy.example", $"{node}/", text => text == "from the pod\n", "-k");

        string Policy(string from) => $$$"""
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: only, namespace: {{{ns}}} }
            spec: {podSelector: {matchLabels: {app: app} }, ingress: [{from: [{ {{{from}}} }]}]}
            """;
    }

    [Fact]
    public async Task Another_class_is_left_alone_and_a_wildcard_is_one_label()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-class");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "*.wild.example"), "apply", "-f", "-");
        await IngressDesk.Becomes("a.wild.example", $"{Server}/", text => text.Contains("host: a.wild.example"));
        Assert.Equal("404 page not found", (await IngressDesk.Curl($"{Server}/", "-H", "Host: b.a.wild.example")).Succeeded());
        await desk.Cluster.Kubectl("patch", "ingress", "-n", ns, "app", "--type=merge", "-p", """{"spec":{"ingressClassName":"other"}}""");
        await IngressDesk.Becomes("a.wild.example", $"{Server}/", text => text == "404 page not found\n");
        await desk.Cluster.Kubectl("patch", "ingress", "-n", ns, "app", "--type=merge", "-p", """{"spec":{"ingressClassName":"traefik"}}""");
        await IngressDesk.Becomes("a.wild.example", $"{Server}/", text => text.Contains("host: a.wild.example"));
    }

    [Fact]
    public async Task TLS_by_name_follows_the_secret_on_server_and_agent()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-tls");
        using var folder = new Certificates();
        await folder.Make("one", "tls.example");
        await folder.Make("two", "tls.example");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "tls.example", "  tls: [{hosts: [tls.example], secretName: cert}]"), "apply", "-f", "-");
        foreach (var node in new[] { "10.201.0.130", "10.201.0.131" })
            Assert.Contains("BRAMBLE DEFAULT CERT", await Subject(node, "tls.example"));
        await desk.Cluster.Kubectl("create", "secret", "tls", "-n", ns, "cert", "--cert", folder.Of("one.crt"), "--key", folder.Of("one.key"));
        foreach (var node in new[] { "10.201.0.130", "10.201.0.131" })
        {
            await Eventually.Becomes(() => Subject(node, "tls.example"), subject => subject.Contains("CN = one"), $"{node} has the Secret's certificate");
            var answer = (await IngressDesk.Curl("--resolve", $"tls.example:443:{node}", "--cacert", folder.Of("one.crt"), "-w", "%{http_version} %{ssl_verify_result}", "https://tls.example/x")).Succeeded();
            Assert.StartsWith("HTTP/1.1 GET /x\n", answer);
            Assert.Contains("x-forwarded-proto: https\n", answer);
            Assert.EndsWith("2 0", answer);
        }
        // Renewed, as cert-manager does it: nobody restarts anything.
        await desk.Cluster.KubectlWithInput(await desk.Cluster.Kubectl("create", "secret", "tls", "-n", ns, "cert", "--cert", folder.Of("two.crt"), "--key", folder.Of("two.key"), "--dry-run=client", "-o", "yaml"), "apply", "-f", "-");
        foreach (var node in new[] { "10.201.0.130", "10.201.0.131" })
            await Eventually.Becomes(() => Subject(node, "tls.example"), subject => subject.Contains("CN = two"), $"{node} has the renewed certificate", TimeSpan.FromSeconds(5));
        // A broken one does no harm.
        await desk.Cluster.Kubectl("patch", "secret", "-n", ns, "cert", "-p", """{"data":{"tls.crt":"cnViYmlzaA=="}}""");
        await Network.Agent.Logs(desk.Agent, $"Secret {ns}/cert of an Ingress or Gateway is no certificate");
        Assert.Contains("CN = two", await Subject("10.201.0.131", "tls.example"));
        Assert.Contains("BRAMBLE DEFAULT CERT", await Subject("10.201.0.131", "else.example"));
    }

    [Fact]
    public async Task An_agent_reads_the_secrets_of_its_ingress_and_no_other()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-rights");
        await desk.Cluster.Kubectl("create", "secret", "generic", "-n", ns, "named", "--from-literal=a=b");
        await desk.Cluster.Kubectl("create", "secret", "generic", "-n", ns, "other", "--from-literal=a=b");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "rights.example", "  tls: [{hosts: [rights.example], secretName: named}]"), "apply", "-f", "-");
        await Eventually.Becomes(() => Ask("named"), code => code == "200", "the Secret that the Ingress names");
        Assert.Equal("200", await Ask("?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dnamed"));
        Assert.Equal("403", await Ask("other"));
        Assert.Equal("403", await Ask("?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dother"));
        Assert.Equal("403", await Ask(""));
        Assert.Equal("403", await Ask("?fieldSelector=metadata.name%3Dnamed"));
        await desk.Cluster.Kubectl("delete", "ingress", "-n", ns, "app");
        await Eventually.Becomes(() => Ask("named"), code => code == "403", "nobody names it any more");
        await desk.Cluster.KubectlWithInput($$$"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: gw, namespace: {{{ns}}} }
            spec: {gatewayClassName: traefik, listeners: [{name: tls, port: 443, protocol: HTTPS, hostname: rights.example, tls: {certificateRefs: [{name: other}]} }]}
            """, "apply", "-f", "-");
        await Eventually.Becomes(() => Ask("other"), code => code == "200", "the Secret that a Gateway names");
        Assert.Equal("403", await Ask("named"));
        Assert.Equal("403", await Ask(""));

        async Task<string> Ask(string what) => (await desk.Agent.Shell(
            $"cd /var/lib/rancher/k3s/agent && curl -s -m 5 -o /dev/null -w '%{{http_code}}' --cacert server-ca.crt --cert client-kubelet.crt --key client-kubelet.key 'https://10.201.0.130:6443/api/v1/namespaces/{ns}/secrets{(what.Length > 0 && what[0] != '?' ? "/" : "")}{what}'")).Succeeded();
    }

    [Fact]
    public async Task WebSockets_and_streams_go_through_unbuffered()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-stream");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "stream.example"), "apply", "-f", "-");
        await IngressDesk.Becomes("stream.example", $"{Server}/", text => text.StartsWith("HTTP/1.1 GET /", StringComparison.Ordinal));

        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Host", "stream.example");
        await socket.ConnectAsync(new Uri("ws://10.201.0.130/ws"), TestContext.Current.CancellationToken);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);
        var buffer = new byte[100];
        var said = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        Assert.Equal("you said hello", Encoding.UTF8.GetString(buffer, 0, said.Count));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);

        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{Server}/stream") { Headers = { Host = "stream.example" } };
        using var streaming = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        var body = await streaming.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        Assert.Equal("first ", Encoding.UTF8.GetString(buffer, 0, await body.ReadAsync(buffer, TestContext.Current.CancellationToken)));
        desk.Backend.Continue.Release();
        Assert.Equal("second", Encoding.UTF8.GetString(buffer, 0, await body.ReadAsync(buffer, TestContext.Current.CancellationToken)));

        // By hand: HttpClient keeps small parts for itself until there are more.
        using var tcp = new TcpClient();
        await tcp.ConnectAsync("10.201.0.130", 80, TestContext.Current.CancellationToken);
        await tcp.GetStream().WriteAsync("POST /upload HTTP/1.1\r\nHost: stream.example\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        foreach (var part in new[] { "part one", "part two" })
        {
            await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"8\r\n{part}\r\n"), TestContext.Current.CancellationToken);
            Assert.Equal(part, await desk.Backend.Uploaded.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        }
        await tcp.GetStream().WriteAsync("0\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.StartsWith("HTTP/1.1 200", Encoding.ASCII.GetString(buffer, 0, await tcp.GetStream().ReadAsync(buffer, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task A_port_that_is_taken_is_told_with_its_owner_and_used_when_free()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-port");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "port.example"), "apply", "-f", "-");
        await Network.Agent.Logs(desk.Agent, "Ingress cannot listen on 0.0.0.0:80: in use by busybox (pid ");
        await Network.Agent.Logs(desk.Agent, "Ingress listens on 0.0.0.0:443");
        Assert.Equal("True", await desk.Cluster.Kubectl("get", "node", "ing2", "-o", "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}"));
        (await desk.Agent.Shell("kill $(cat /run/other.pid)")).Succeeded();
        await IngressDesk.Becomes("port.example", "http://10.201.0.131/", text => text.Contains("host: port.example"));
        await Network.Agent.Logs(desk.Agent, "Ingress listens on 0.0.0.0:80 (free now)");
        Assert.Single((await desk.Agent.Run("cat", "/run/k3s.log")).Output.Split('\n'), line => line.Contains("cannot listen on 0.0.0.0:80"));
    }

    [Fact]
    public async Task A_Gateway_routes_redirects_and_rewrites()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-gateway");
        await desk.Cluster.KubectlWithInput($$$"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: gw, namespace: {{{ns}}} }
            spec: {gatewayClassName: traefik, listeners: [{name: web, port: 80, protocol: HTTP, hostname: "*.gw.example"}]}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: app, namespace: {{{ns}}} }
            spec:
              parentRefs: [{name: gw}]
              hostnames: [a.gw.example]
              rules:
              - matches: [{path: {type: PathPrefix, value: /old}}]
                filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}, statusCode: 301}}]
              - matches: [{path: {type: PathPrefix, value: /api}}]
                filters:
                - {type: URLRewrite, urlRewrite: {hostname: inside.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /v1} } }
                - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: ours}], remove: [x-gone]}}
                backendRefs: [{name: app, port: 80}]
              - matches: [{path: {type: PathPrefix, value: /slow}}]
                timeouts: {request: 500ms}
                backendRefs: [{name: app, port: 80}]
            """, "apply", "-f", "-");
        var answer = await IngressDesk.Becomes("a.gw.example", $"{Server}/api/x?y=1", text => text.StartsWith("HTTP/1.1 GET ", StringComparison.Ordinal), "-H", "X-Set: theirs", "-H", "X-Gone: 1");
        Assert.StartsWith("HTTP/1.1 GET /v1/x?y=1\n", answer);
        Assert.Contains("host: inside.example\n", answer);
        Assert.Contains("x-set: ours\n", answer);
        Assert.DoesNotContain("x-gone", answer);
        Assert.Equal("301 http://a.gw.example/new/x", (await IngressDesk.Curl("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", $"{Server}/old/x", "-H", "Host: a.gw.example")).Succeeded());
        Assert.Equal("504", (await IngressDesk.Curl("-o", "/dev/null", "-w", "%{http_code}", $"{Server}/slow", "-H", "Host: a.gw.example")).Succeeded());
        Assert.Equal("404", (await IngressDesk.Curl("-o", "/dev/null", "-w", "%{http_code}", $"{Server}/other", "-H", "Host: a.gw.example")).Succeeded());
        await desk.Cluster.Kubectl("wait", "-n", ns, "gateway/gw", "--for=condition=Programmed", "--timeout=10s");
        Assert.Equal("True True", await desk.Cluster.Kubectl("get", "httproute", "-n", ns, "app", "-o", "jsonpath={.status.parents[0].conditions[*].status}"));
        var refused = await desk.Cluster.KubectlWithInput(new MemoryStream(Encoding.UTF8.GetBytes($$$"""
            {"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"bad","namespace":"{{{ns}}}" },"spec":{"rules":[{"matches":[{"path":{"type":"Exact","value":"no-slash"} }]}]} }
            """)), "apply", "-f", "-");
        Assert.Contains("value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']", refused.Failed());
    }

    [Fact]
    public async Task A_rolling_update_drops_no_request()
    {
        await desk.Get();
        var ns = await desk.Cluster.NewNamespace("ing-roll");
        await desk.Cluster.KubectlWithInput($$$"""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: app, namespace: {{{ns}}} }
            spec:
              replicas: 3
              selector: {matchLabels: {app: app}}
              template:
                metadata: {labels: {app: app}}
                spec:
                  terminationGracePeriodSeconds: 15
                  containers:
                  - name: web
                    image: busybox:1
                    command: [sh, -c, 'mkdir /w; hostname > /w/index.html; httpd -f -p 8080 -h /w & trap "sleep 5; kill $!; exit 0" TERM; wait; wait']
                    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: app, namespace: {{{ns}}} }
            spec: {selector: {app: app}, ports: [{port: 80, targetPort: 8080}]}
            """, "apply", "-f", "-");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "roll.example"), "apply", "-f", "-");
        await desk.Cluster.Kubectl("rollout", "status", "-n", ns, "deployment/app", "--timeout=60s");
        await IngressDesk.Becomes("roll.example", $"{Server}/", text => text.StartsWith("app-", StringComparison.Ordinal));
        using var load = new Load($"{Server}/", "roll.example", perSecond: 500, keepsConnections: true);
        await desk.Cluster.Kubectl("rollout", "restart", "-n", ns, "deployment/app");
        await desk.Cluster.Kubectl("rollout", "status", "-n", ns, "deployment/app", "--timeout=90s");
        // The last old pod serves for five seconds more and then goes.
        await Task.Delay(TimeSpan.FromSeconds(7), TestContext.Current.CancellationToken);
        var (sent, failures) = await load.Stop();
        TestContext.Current.SendDiagnosticMessage($"{sent} requests over a rolling update");
        Assert.True(sent > 3000, $"only {sent} requests were sent");
        Assert.Empty(failures);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("KILL")]
    public async Task A_restart_of_the_server_refuses_no_new_connection(string signal)
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-restart");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "restart.example"), "apply", "-f", "-");
        await IngressDesk.Becomes("restart.example", $"{Server}/", text => text.Contains("host: restart.example"));
        using var load = new Load($"{Server}/", "restart.example", perSecond: 100, keepsConnections: false);
        await Task.Delay(500, TestContext.Current.CancellationToken);
        await desk.Cluster.StopServer(signal);
        await desk.Cluster.StartServer("--token", "token-of-the-ingress");
        await Task.Delay(3000, TestContext.Current.CancellationToken);
        var (sent, failures) = await load.Stop();
        Assert.True(sent > 300, $"only {sent} requests were sent");
        // kill -9 may cut the requests that run at that moment; none is refused.
        Assert.DoesNotContain(failures, failure => failure.Contains("refused"));
        if (signal == "TERM") Assert.Empty(failures);
        else Assert.True(failures.Count <= 10, string.Join('\n', failures.Take(20)));
    }

    [Fact]
    public async Task Disabled_it_costs_nothing_and_leaves_the_ports()
    {
        await using var cluster = await Cluster.Start("ing3", 132);
        Assert.Equal("404", (await IngressDesk.Curl("-o", "/dev/null", "-w", "%{http_code}", "http://10.201.0.132/")).Succeeded());
        Assert.Equal("traefik", await cluster.Kubectl("get", "ingressclass", "-o", "jsonpath={.items[*].metadata.name}"));
        await cluster.StopServer("TERM");
        // Kept for the next start, which does not want them.
        Assert.Contains(KeptForIngress, await HeldSockets(cluster));
        await cluster.StartServer("--disable", "traefik");
        await Eventually.Becomes(() => cluster.Kubectl("get", "ingressclass", "-o", "jsonpath={.items[*].metadata.name}"), names => names == "", "its class goes");
        await Eventually.Becomes(() => IngressDesk.Curl("http://10.201.0.132/"), result => result.ExitCode == 7, "the kept sockets are given up", TimeSpan.FromSeconds(90));
        Assert.DoesNotContain(KeptForIngress, await HeldSockets(cluster));
    }

    private const string KeptForIngress = "ingress-";

    /// <summary>The names of the sockets that a process of the host holds for the next start; the cluster DNS has some of its own there.</summary>
    private static async Task<string> HeldSockets(Cluster cluster) => (await cluster.Host.Shell("for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep socket-holder; done; true")).Succeeded();

    private static async Task<string> Subject(string address, string name) =>
        (await Command.Run("sh", ["-c", $"openssl s_client -connect {address}:443 -servername {name} </dev/null 2>/dev/null | openssl x509 -noout -subject"])).Output;

    /// <summary>Certificates of a test, signed by themselves.</summary>
    private sealed class Certificates : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("bramble-certificates-").FullName;

        public string Of(string file) => Path.Combine(_folder, file);

        public async Task Make(string subject, string name) => (await Command.Run("openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", Of(subject + ".key"), "-out", Of(subject + ".crt"), "-days", "2", "-subj", $"/CN={subject}", "-addext", $"subjectAltName=DNS:{name}"])).Succeeded();

        public void Dispose() => Directory.Delete(_folder, recursive: true);
    }
}
