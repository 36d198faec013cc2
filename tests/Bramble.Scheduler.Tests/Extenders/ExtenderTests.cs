using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Scheduler.Configuration;
using Bramble.Scheduler.Extenders;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Preemption;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Extenders;

public sealed class ExtenderTests
{
    private static readonly KubeObject Pod = Object("""{"metadata":{"name":"p","namespace":"d","uid":"u"},"spec":{"containers":[]},"unknown":1}""");
    private static readonly KubeObject[] Nodes = [Object("""{"metadata":{"name":"n1"},"status":{"more":true}}"""), Object("""{"metadata":{"name":"n2"}}""")];

    [Fact]
    public async Task It_is_asked_with_whole_nodes_and_answers_with_some()
    {
        await using var standIn = await StandInExtender.StartAsync((_, body) => (200, new JsonObject
        {
            ["Nodes"] = new JsonObject { ["items"] = new JsonArray(body["Nodes"]!["items"]![1]!.DeepClone()) },
            ["FailedNodes"] = new JsonObject { ["n1"] = "too far" },
        }.ToJsonString()));
        using var extender = new Extender(new ExtenderSettings { UrlPrefix = standIn.Url + "/", FilterVerb = "filter" }, TimeProvider.System);
        var verdict = await extender.FilterAsync(Pod, Nodes, default);
        Assert.Equal(["n2"], verdict.Fitting);
        Assert.Equal((false, "too far"), (verdict.Refused["n1"].IsUnresolvable, verdict.Refused["n1"].Reasons![0]));
        var (verb, asked) = Assert.Single(standIn.Asked);
        Assert.Equal("filter", verb);
        Assert.Equal(
            """{"Pod":{"metadata":{"name":"p","namespace":"d","uid":"u"},"spec":{"containers":[]},"unknown":1},"Nodes":{"metadata":{},"items":[{"metadata":{"name":"n1"},"status":{"more":true}},{"metadata":{"name":"n2"}}]},"NodeNames":null}""",
            asked.ToJsonString());
    }

    [Fact]
    public async Task One_that_knows_the_nodes_is_asked_with_their_names()
    {
        await using var standIn = await StandInExtender.StartAsync((_, _) => (200, """{"nodenames":["n1"],"failedNodes":{"n2":"a"},"FailedAndUnresolvableNodes":{"n2":"b"}}"""));
        using var extender = new Extender(new ExtenderSettings { UrlPrefix = standIn.Url, FilterVerb = "f", IsNodeCacheCapable = true }, TimeProvider.System);
        var verdict = await extender.FilterAsync(Pod, Nodes, default);
        Assert.Equal(["n1"], verdict.Fitting);
        // What no eviction can help goes before what one may.
        Assert.Equal((true, "b"), (verdict.Refused["n2"].IsUnresolvable, verdict.Refused["n2"].Reasons![0]));
        var asked = Assert.Single(standIn.Asked).Body;
        Assert.Null(asked["Nodes"]);
        Assert.Equal("""["n1","n2"]""", asked["NodeNames"]!.ToJsonString());
    }

    [Theory]
    [InlineData(200, """{"Error":"it said so"}""", "it said so")]
    [InlineData(200, """{"NodeNames":["other"]}""", "extender \"URL\" claims a filtered node \"other\" which is not found in the input node list")]
    [InlineData(500, "", "failed f with extender at URL URL/f, code 500")]
    [InlineData(200, "no JSON", "extender at URL URL/f: its answer is not what f answers")]
    [InlineData(200, "[]", "extender at URL URL/f: its answer is not what f answers")]
    public async Task An_answer_that_is_none(int code, string answer, string expected)
    {
        await using var standIn = await StandInExtender.StartAsync((_, _) => (code, answer));
        using var extender = new Extender(new ExtenderSettings { UrlPrefix = standIn.Url, FilterVerb = "f", IsNodeCacheCapable = true }, TimeProvider.System);
        var error = await Assert.ThrowsAsync<SchedulingException>(() => extender.FilterAsync(Pod, Nodes, default));
        Assert.Equal(expected.Replace("URL", standIn.Url, StringComparison.Ordinal).Replace(standIn.Url + " " + standIn.Url, "URL " + standIn.Url, StringComparison.Ordinal), error.Message);
    }

    [Fact]
    public async Task Nobody_listens()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        listener.Stop();
        using var extender = new Extender(new ExtenderSettings { UrlPrefix = url, FilterVerb = "f" }, TimeProvider.System);
        Assert.StartsWith($"Post \"{url}/f\": ", (await Assert.ThrowsAsync<SchedulingException>(() => extender.FilterAsync(Pod, Nodes, default))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_does_not_answer_in_time()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        using var extender = new Extender(new ExtenderSettings { UrlPrefix = url, FilterVerb = "f", Timeout = TimeSpan.FromMilliseconds(50) }, TimeProvider.System);
        Assert.Equal($"Post \"{url}/f\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)", (await Assert.ThrowsAsync<SchedulingException>(() => extender.FilterAsync(Pod, Nodes, default))).Message);
    }

    [Fact]
    public async Task Its_scores_count_ten_times_and_by_weight()
    {
        await using var standIn = await StandInExtender.StartAsync((_, _) => (200, """[{"Host":"n1","Score":3},{"host":"n2","score":0}]"""));
        using var extender = new Extender(new ExtenderSettings { UrlPrefix = standIn.Url, PrioritizeVerb = "p", Weight = 2 }, TimeProvider.System);
        Assert.Equal(new() { ["n1"] = 60, ["n2"] = 0 }, await extender.PrioritizeAsync(Pod, Nodes, default));
    }

    [Fact]
    public async Task Victims_go_whole_or_by_uid_and_come_back_by_uid()
    {
        await using var standIn = await StandInExtender.StartAsync((_, _) => (200, """{"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"uid-default-a"}],"NumPDBViolations":1}}}"""));
        Victims[] candidates = [new("n1", [Some.Pod("a")], 0), new("n2", [Some.Pod("b")], 2)];
        foreach (var knowsNodes in (bool[])[false, true])
        {
            using var extender = new Extender(new ExtenderSettings { UrlPrefix = standIn.Url, PreemptVerb = "preempt", IsNodeCacheCapable = knowsNodes }, TimeProvider.System);
            var named = await extender.PreemptAsync(Pod, candidates, p => Object($$$"""{"metadata":{"name":"{{{p.Name.Name}}}"} }"""), default);
            Assert.Equal("uid-default-a", (string?)named["n1"]!["Pods"]![0]!["UID"]);
        }

        string[] asked = [.. standIn.Asked.Select(a => { a.Body.Remove("Pod"); return a.Body.ToJsonString(); })];
        Assert.Equal("""{"NodeNameToMetaVictims":null,"NodeNameToVictims":{"n1":{"Pods":[{"metadata":{"name":"a"}}],"NumPDBViolations":0},"n2":{"Pods":[{"metadata":{"name":"b"}}],"NumPDBViolations":2}}}""", asked[0]);
        Assert.Equal("""{"NodeNameToVictims":null,"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"uid-default-a"}],"NumPDBViolations":0},"n2":{"Pods":[{"UID":"uid-default-b"}],"NumPDBViolations":2}}}""", asked[1]);
    }

    [Fact]
    public async Task It_binds()
    {
        var error = "";
        await using var standIn = await StandInExtender.StartAsync((_, _) => (200, $$"""{"Error":"{{error}}"}"""));
        using var extender = new Extender(new ExtenderSettings { UrlPrefix = standIn.Url, BindVerb = "bind" }, TimeProvider.System);
        await extender.BindAsync(Some.Pod("a"), "n1", default);
        Assert.Equal("""{"PodName":"a","PodNamespace":"default","PodUID":"uid-default-a","Node":"n1"}""", Assert.Single(standIn.Asked).Body.ToJsonString());
        error = "not so";
        Assert.Equal("not so", (await Assert.ThrowsAsync<SchedulingException>(() => extender.BindAsync(Some.Pod("a"), "n1", default))).Message);
    }

    [Theory]
    [InlineData("", "", true)]
    [InlineData("example.com/gpu", "", false)]
    [InlineData("example.com/gpu", "example.com/other", false)]
    [InlineData("example.com/gpu", "example.com/gpu", true)]
    public void Pods_that_concern_it(string managed, string wanted, bool expected)
    {
        using var extender = new Extender(new ExtenderSettings { UrlPrefix = "http://x", ManagedResources = managed.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet() }, TimeProvider.System);
        foreach (var asLimit in (bool[])[false, true])
            foreach (var asInit in (bool[])[false, true])
            {
                var amounts = wanted.Length == 0 ? null : Some.Amounts((wanted, "1"));
                var container = new V1Container { Resources = new V1ResourceRequirements { Requests = asLimit ? null : amounts, Limits = asLimit ? amounts : null } };
                Assert.Equal(expected, extender.Concerns(new V1Pod { Spec = new V1PodSpec { Containers = asInit ? [] : [container], InitContainers = asInit ? [container] : null } }));
            }
    }

    [Theory]
    [InlineData("enableHTTPS: true", true)]
    [InlineData("tlsConfig: {insecure: true}", true)]
    [InlineData("tlsConfig: {caData: OWN, serverName: localhost}", true)]
    [InlineData("tlsConfig: {caData: OTHER, serverName: localhost}", false)]
    [InlineData("tlsConfig: {caData: OWN, serverName: elsewhere}", false)]
    [InlineData("weight: 1", false)]
    public async Task Whom_it_believes(string settings, bool isTrusted)
    {
        using var own = Certificate();
        using var other = Certificate();
        await using var standIn = await StandInExtender.StartAsync((_, _) => (200, """{"NodeNames":["n1"]}"""), own);
        var text = settings.Replace("OWN", Base64(own), StringComparison.Ordinal).Replace("OTHER", Base64(other), StringComparison.Ordinal);
        var configuration = SchedulerConfiguration.Parse($"apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nextenders: [{{urlPrefix: \"{standIn.Url}\", filterVerb: f, nodeCacheCapable: true, {text}}}]");
        using var extender = new Extender(Assert.Single(configuration.Extenders), TimeProvider.System);
        if (isTrusted) Assert.Equal(["n1"], (await extender.FilterAsync(Pod, Nodes, default)).Fitting);
        else await Assert.ThrowsAsync<SchedulingException>(() => extender.FilterAsync(Pod, Nodes, default));
    }

    private static string Base64(X509Certificate2 certificate) => Convert.ToBase64String(Encoding.UTF8.GetBytes(certificate.ExportCertificatePem()));

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    private static KubeObject Object(string json) => KubeObject.Parse(Encoding.UTF8.GetBytes(json));
}
