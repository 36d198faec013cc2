using Bramble.Kubelet.Cgroups;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Images;
using Bramble.Kubelet.Node;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Probes;
using Bramble.Kubelet.Tests.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Tests.Containers;

public sealed class RulesTests
{
    [Theory]
    [InlineData("$(A)", "1")]
    [InlineData("x$(A)y$(B)", "x1y$(B)")]
    [InlineData("$$(A)", "$(A)")]
    [InlineData("$A $", "$A $")]
    [InlineData("$(A", "$(A")]
    public void Variables_expand(string text, string expected) => Assert.Equal(expected, Expansion.Expand(text, n => n == "A" ? "1" : null));

    [Theory]
    [InlineData("250m", 256, 25000)]
    [InlineData("1", 1024, 100000)]
    [InlineData("1m", 2, 1000)]
    public void Cpu_becomes_shares_and_quota(string cpu, long shares, long quota)
    {
        var cores = ((ResourceQuantity)cpu).ToDecimal();
        Assert.Equal((shares, quota), (ContainerResourceLimits.Shares(cores), ContainerResourceLimits.Quota(cores)));
    }

    [Fact]
    public void A_request_of_a_tenth_of_the_memory_scores_900()
    {
        var pod = Make.Pod();
        pod.Spec.Containers[0].Resources = new() { Requests = new Dictionary<string, ResourceQuantity> { ["memory"] = "100Mi" } };
        Assert.Equal(900, ContainerResourceLimits.OomScoreAdjust(pod, pod.Spec.Containers[0], 1000L << 20));
        Assert.Equal(1000, ContainerResourceLimits.OomScoreAdjust(Make.Pod(), Make.Container("c"), 1000L << 20));
    }

    [Fact]
    public void A_pod_limit_needs_a_limit_of_every_container()
    {
        var limited = Make.Container("a");
        limited.Resources = new() { Limits = new Dictionary<string, ResourceQuantity> { ["memory"] = "10Mi", ["cpu"] = "1" }, Requests = new Dictionary<string, ResourceQuantity> { ["cpu"] = "1" } };
        Assert.Equal(new PodCgroupLimits(1024, 100000, 10 << 20), PodCgroupLimits.Of(Make.Pod("Always", null, limited)));
        Assert.Equal(new PodCgroupLimits(1024, 0, 0), PodCgroupLimits.Of(Make.Pod("Always", null, limited, Make.Container("b"))));
    }

    [Theory]
    [InlineData("nginx", "nginx:latest")]
    [InlineData("r.io:5000/a/b", "r.io:5000/a/b:latest")]
    [InlineData("a@sha256:12", "a@sha256:12")]
    [InlineData("Nginx", null)]
    [InlineData("a b", null)]
    public void Image_names_get_a_tag(string image, string? expected) => Assert.Equal(expected, ImageNames.WithDefaultTag(image));

    [Fact]
    public void The_closest_credentials_come_first()
    {
        var json = """{"auths":{"https://index.docker.io/v1/":{"username":"d","password":"1"},"r.io":{"auth":"YTpiYw=="},"r.io/team":{"username":"t","password":"2"},"*.example.com":{"username":"w","password":"3"}}}""";
        var secret = new V1Secret { Type = "kubernetes.io/dockerconfigjson", Data = new Dictionary<string, byte[]> { [".dockerconfigjson"] = System.Text.Encoding.UTF8.GetBytes(json) } };
        string Users(string image) => string.Join(',', PullCredentials.For(image, [secret]).Select(a => $"{a.Username}:{a.Password}"));
        Assert.Equal("t:2,a:bc", Users("r.io/team/x:1"));
        Assert.Equal("a:bc", Users("r.io/teams/x"));
        Assert.Equal("d:1", Users("busybox"));
        Assert.Equal("w:3", Users("x.example.com/y"));
    }

    [Fact]
    public void Cluster_dns_comes_with_the_namespaces_search_path()
    {
        var pod = Make.Pod();
        pod.Spec.DnsPolicy = "ClusterFirst";
        pod.Spec.DnsConfig = new() { Options = [new() { Name = "ndots", Value = "2" }, new() { Name = "edns0" }] };
        var dns = PodDns.Decide(pod, ResolvConf.Parse("nameserver 1.1.1.1\nsearch home.lan\n"), ["10.43.0.10"], "cluster.local");
        Assert.Equal(
            "10.43.0.10 | ns.svc.cluster.local svc.cluster.local cluster.local home.lan | ndots:2 edns0",
            $"{string.Join(' ', dns.Servers)} | {string.Join(' ', dns.Searches)} | {string.Join(' ', dns.Options)}");
    }

    [Fact]
    public void Services_become_variables()
    {
        var service = new V1Service { Metadata = new() { Name = "my-db", NamespaceProperty = "ns" }, Spec = new() { ClusterIP = "10.43.0.7", Ports = [new() { Port = 5432, Name = "sql", Protocol = "TCP" }] } };
        var variables = ServiceLinks.Of("ns", [service], isLinked: true).Select(p => $"{p.Key}={p.Value}");
        Assert.Equal(
            "MY_DB_SERVICE_HOST=10.43.0.7 MY_DB_SERVICE_PORT=5432 MY_DB_SERVICE_PORT_SQL=5432 MY_DB_PORT=tcp://10.43.0.7:5432 MY_DB_PORT_5432_TCP=tcp://10.43.0.7:5432 MY_DB_PORT_5432_TCP_PROTO=tcp MY_DB_PORT_5432_TCP_PORT=5432 MY_DB_PORT_5432_TCP_ADDR=10.43.0.7",
            string.Join(' ', variables));
        Assert.Empty(ServiceLinks.Of("other", [service], isLinked: true));
        Assert.Empty(ServiceLinks.Of("ns", [service], isLinked: false));
    }

    [Fact]
    public void A_probe_needs_its_thresholds()
    {
        var probe = new V1Probe { FailureThreshold = 2, SuccessThreshold = 1 };
        var state = ProbeState.Begin(ProbeKind.Liveness).With(false, probe);
        Assert.True(state.Verdict);
        state = state.With(false, probe);
        Assert.False(state.Verdict);
        Assert.True(state.IsDone(ProbeKind.Liveness));
        Assert.True(state.With(true, probe).Verdict);
    }

    [Fact]
    public void A_pod_that_does_not_fit_is_told_by_how_much()
    {
        var node = new V1Node { Metadata = new() { Name = "n" }, Status = new() { Allocatable = new Dictionary<string, ResourceQuantity> { ["cpu"] = "1", ["pods"] = "10", ["memory"] = "1Gi" } } };
        var pod = Make.Pod();
        pod.Spec.Containers[0].Resources = new() { Requests = new Dictionary<string, ResourceQuantity> { ["cpu"] = "600m" } };
        Assert.Null(PodAdmission.Decide(pod, node, []));
        Assert.Equal(
            ("OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu, requested: 600, used: 600, capacity: 1000"), PodAdmission.Decide(pod, node, [pod]));
        // Several: CPU is told first, then memory, whatever the alphabet says.
        pod.Spec.Containers[0].Resources.Requests["ephemeral-storage"] = "1Gi";
        pod.Spec.Containers[0].Resources.Requests["memory"] = "2Gi";
        Assert.Equal(["memory", "ephemeral-storage"], PodAdmission.Shortages(pod, node, []).Select(s => s.Resource));
        Assert.Equal("OutOfmemory", PodAdmission.Decide(pod, node, [])?.Reason);
        // Others make room for it, but the rest is asked of it as well.
        pod.Spec.Priority = 2_000_000_000;
        Assert.Null(PodAdmission.Decide(pod, node, []));
        pod.Spec.NodeSelector = new Dictionary<string, string> { ["a"] = "b" };
        Assert.Equal("NodeAffinity", PodAdmission.Decide(pod, node, [])?.Reason);
    }

    [Fact]
    public void A_pod_that_the_scheduler_did_not_see_is_asked_what_it_would_ask()
    {
        var node = new V1Node { Metadata = new() { Name = "n" }, Spec = new() };
        V1Pod With(Action<V1Pod> change)
        {
            var pod = Make.Pod();
            change(pod);
            return pod;
        }
        V1Pod Port(int port, string ip = "") => With(p => p.Spec.Containers[0].Ports = [new V1ContainerPort { ContainerPort = 80, HostPort = port, HostIP = ip }]);
        Assert.Null(PodAdmission.Decide(Port(80), node, [Port(81)]));
        Assert.Null(PodAdmission.Decide(Port(80, "10.0.0.1"), node, [Port(80, "10.0.0.2")]));
        Assert.Equal(
            ("NodePorts", "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"),
            PodAdmission.Decide(Port(80, "10.0.0.1"), node, [Port(81), Port(80)]));
        Assert.Equal("PodOSNotSupported", PodAdmission.Decide(With(p => p.Spec.Os = new V1PodOS { Name = "windows" }), node, [])?.Reason);
        Assert.Equal(
            "PodOSSelectorNodeLabelDoesNotMatch", PodAdmission.Decide(With(p => p.Metadata.Labels = new Dictionary<string, string> { ["kubernetes.io/os"] = "windows" }), node, [])?.Reason);
        node.Spec.Taints = [new V1Taint { Key = "k", Effect = "NoExecute" }];
        // A priority does not tolerate for it; static pods run anywhere.
        Assert.Equal("TaintToleration", PodAdmission.Decide(With(p => p.Spec.Priority = 2_000_001_000), node, [])?.Reason);
        Assert.Null(PodAdmission.Decide(With(p => p.Metadata.Annotations = new Dictionary<string, string> { ["kubernetes.io/config.source"] = "file" }), node, []));
        Assert.Null(PodAdmission.Decide(With(p => p.Spec.Tolerations = [new V1Toleration { OperatorProperty = "Exists" }]), node, []));
    }

    [Theory]
    [InlineData("memory", 8589934592, "8Gi")]
    [InlineData("memory", 1536, "1536")]
    [InlineData("ephemeral-storage", 2048, "2Ki")]
    [InlineData("pods", 110, "110")]
    public void Amounts_are_shown_as_upstream(string resource, long amount, string expected) =>
        Assert.Equal(expected, NodeResources.Show(resource, amount));

    [Theory]
    [InlineData("0-3", 4)]
    [InlineData("0", 1)]
    [InlineData("0-1,4-5,7", 5)]
    [InlineData("", 0)]
    [InlineData("0-x", 0)]
    public void Online_cores_are_counted(string text, int expected) => Assert.Equal(expected, Machine.CountRanges(text));

    [Theory]
    [InlineData(10, "10s")]
    [InlineData(80, "1m20s")]
    [InlineData(300, "5m0s")]
    public void Waiting_times_read_as_in_go(int seconds, string expected) => Assert.Equal(expected, Backoff.Text(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Back_off_doubles_to_five_minutes_and_forgets_after_ten()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var backoff = new Backoff(time);
        var waits = new List<string>();
        for (var i = 0; i < 7; i++)
        {
            backoff.Next("k", time.GetUtcNow());
            waits.Add(Backoff.Text(backoff.Get("k")));
            Assert.True(backoff.IsWaitingSince("k", time.GetUtcNow()));
            time.Advance(backoff.Get("k"));
        }
        Assert.Equal("10s 20s 40s 1m20s 2m40s 5m0s 5m0s", string.Join(' ', waits));
        time.Advance(TimeSpan.FromMinutes(11));
        backoff.Next("k", time.GetUtcNow());
        Assert.Equal(TimeSpan.FromSeconds(10), backoff.Get("k"));
    }

    [Theory]
    [InlineData("100m", "100m", "64Mi", "67108864", "Guaranteed")]
    [InlineData(null, "100m", null, "64Mi", "Guaranteed")]
    [InlineData("0", "100m", "64Mi", "64Mi", "Burstable")]
    [InlineData("50m", "100m", "64Mi", "64Mi", "Burstable")]
    [InlineData("100m", "100m", null, null, "Burstable")]
    [InlineData("0", null, null, null, "BestEffort")]
    [InlineData(null, null, null, null, "BestEffort")]
    public void Quality_of_service(string? cpuRequest, string? cpuLimit, string? memoryRequest, string? memoryLimit, string expected)
    {
        var pod = Make.Pod();
        pod.Spec.Containers[0].Resources = new() { Requests = Amounts(cpuRequest, memoryRequest), Limits = Amounts(cpuLimit, memoryLimit) };
        Assert.Equal(expected, pod.QosClass());

        static Dictionary<string, ResourceQuantity>? Amounts(string? cpu, string? memory)
        {
            var amounts = new Dictionary<string, ResourceQuantity>();
            if (cpu is not null) amounts["cpu"] = cpu;
            if (memory is not null) amounts["memory"] = memory;
            return amounts.Count == 0 ? null : amounts;
        }
    }
}
