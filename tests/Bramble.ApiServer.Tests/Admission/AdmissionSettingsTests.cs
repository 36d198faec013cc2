using System.Text.Json.Nodes;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.InProcess;
using Bramble.Client;
using Bramble.Storage;

namespace Bramble.ApiServer.Tests.Admission;

/// <summary>What an AdmissionConfiguration makes of PodSecurity and ResourceQuota.</summary>
public sealed class AdmissionSettingsTests : IDisposable
{
    private const string Head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n";
    private const string Limits = Head + """
        - name: ResourceQuota
          configuration:
            apiVersion: apiserver.config.k8s.io/v1
            kind: ResourceQuotaConfiguration
            limitedResources:
            - {resource: pods, matchContains: [requests.cpu], matchScopes: [{scopeName: PriorityClass, operator: In, values: [vip]}]}
            - {resource: services, matchContains: [services.nodeports]}
        """;

    private const string Security = Head + """
        - name: PodSecurity
          configuration:
            apiVersion: pod-security.admission.config.k8s.io/v1
            kind: PodSecurityConfiguration
            defaults: {enforce: baseline, warn: restricted, warn-version: v1.30}
            exemptions: {usernames: [root], runtimeClasses: [kata], namespaces: [free]}
        """;

    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;
    private readonly string _folder = Directory.CreateTempSubdirectory("bramble-admission-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    private async Task<InMemoryApi> StartAsync(string configuration)
    {
        var api = await InMemoryApi.StartAsync(new MemoryStore(), TimeProvider.System, null, new AdmissionSettings().With(File(configuration)));
        foreach (var ns in (string[])["n", "free"])
        {
            await api.Client.CreateAsync(Resources.Namespaces, new("", ns), Parse($$$"""{"metadata":{"name":"{{{ns}}}"}}"""), null, Cancel);
            await api.Client.CreateAsync(Resources.ServiceAccounts, new(ns, "default"), Parse("""{"metadata":{"name":"default"}}"""), null, Cancel);
        }
        foreach (var (name, value) in ((string, int)[])[("vip", 100), ("usual", 1)])
            await api.Client.CreateAsync(Resources.PriorityClasses, new("", name), Parse($$$"""{"metadata":{"name":"{{{name}}}"},"value":{{{value}}}}"""), null, Cancel);
        return api;
    }

    private string File(string text, string name = "admission.yaml")
    {
        var path = Path.Combine(_folder, name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    /// <param name="quota">The spec of the namespace's quota; null: there is none.</param>
    [Theory]
    [InlineData("nothing limited is taken", null, "{}", "")]
    [InlineData("what is limited, and no quota", null, """{"cpu":"1"}""", "forbidden: insufficient quota to consume: requests.cpu")]
    [InlineData("a quota of something else", """{"hard":{"pods":"5"}}""", """{"cpu":"1"}""", "forbidden: insufficient quota to consume: requests.cpu")]
    [InlineData("a quota of it", """{"hard":{"requests.cpu":"5"}}""", """{"cpu":"1"}""", "")]
    [InlineData("one that is too small", """{"hard":{"requests.cpu":"500m"}}""", """{"cpu":"1"}""", "exceeded quota: q, requested: requests.cpu=1, used: requests.cpu=0, limited: requests.cpu=500m")]
    [InlineData("a limited scope, and no quota", null, "{}", "insufficient quota to match these scopes: [{PriorityClass In [vip]}]", "vip")]
    [InlineData("another of its kind is not", null, "{}", "", "usual")]
    [InlineData("a quota with the scope", """{"hard":{"pods":"5"},"scopeSelector":{"matchExpressions":[{"scopeName":"PriorityClass","operator":"In","values":["vip"]}]}}""", "{}", "", "vip")]
    [InlineData("a quota with the scope for others", """{"hard":{"pods":"5"},"scopeSelector":{"matchExpressions":[{"scopeName":"PriorityClass","operator":"In","values":["usual"]}]}}""", "{}",
        "insufficient quota to match these scopes: [{PriorityClass In [vip]}]", "vip")]
    public async Task What_is_limited_needs_a_quota(string because, string? quota, string requests, string refusal, string? priority = null)
    {
        Assert.NotEmpty(because);
        await using var api = await StartAsync(Limits);
        if (quota is not null) await api.Client.CreateAsync(Resources.ResourceQuotas, new("n", "q"), Parse($$$"""{"metadata":{"name":"q"},"spec":{{{quota}}}}"""), null, Cancel);
        var pod = Parse($$$"""{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{{{requests}}},"limits":{{{requests}}} } }]}}""");
        if (priority is not null) pod["spec"]!["priorityClassName"] = priority;
        var refused = await Record.ExceptionAsync(() => api.Client.CreateAsync(Resources.Pods, new("n", "p"), pod, null, Cancel).AsTask());
        Assert.EndsWith(refusal, refused?.Message ?? "", StringComparison.Ordinal);
        Assert.Equal(refusal.Length == 0, refused is null);
    }

    [Fact]
    public async Task An_update_needs_one_when_it_takes_more()
    {
        await using var api = await StartAsync(Limits);
        await api.Client.CreateAsync(Resources.Services, new("n", "s"), Parse("""{"metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}}"""), null, Cancel);
        Task Change(string spec) => api.Client.MergePatchAsync(Resources.Services, new("n", "s"), Parse(spec), null, Cancel).AsTask();
        await Change("""{"spec":{"ports":[{"port":81}]}}""");
        var refused = await Record.ExceptionAsync(() => Change("""{"spec":{"type":"NodePort"}}"""));
        Assert.EndsWith("insufficient quota to consume: services.nodeports", refused!.Message, StringComparison.Ordinal);
        await api.Client.CreateAsync(Resources.ResourceQuotas, new("n", "q"), Parse("""{"metadata":{"name":"q"},"spec":{"hard":{"services.nodeports":"1"}}}"""), null, Cancel);
        await Change("""{"spec":{"type":"NodePort"}}""");
        await api.Client.DeleteAsync(Resources.ResourceQuotas, new("n", "q"), new DeleteQuery(), Cancel);
        await Change("""{"spec":{"ports":[{"port":82,"nodePort":30080}]}}""");
    }

    [Theory]
    [InlineData("the default of namespaces without labels", "n", "{}", """{"hostNetwork":true}""", "violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)")]
    [InlineData("a label says otherwise", "n", """{"pod-security.kubernetes.io/enforce":"privileged"}""", """{"hostNetwork":true}""", "")]
    [InlineData("a version of its own for the default level", "n", """{"pod-security.kubernetes.io/enforce-version":"v1.25"}""", """{"hostNetwork":true}""", "violates PodSecurity \"baseline:v1.25\": host namespaces (hostNetwork=true)")]
    [InlineData("an exempt namespace", "free", """{"pod-security.kubernetes.io/enforce":"restricted"}""", """{"hostNetwork":true}""", "")]
    [InlineData("an exempt runtime class", "n", "{}", """{"hostNetwork":true,"runtimeClassName":"kata"}""", "")]
    [InlineData("an exempt user", "n", "{}", """{"hostNetwork":true}""", "", "root")]
    public async Task What_holds_for_Pods(string because, string ns, string labels, string spec, string refusal, string user = "somebody")
    {
        Assert.NotEmpty(because);
        await using var api = await StartAsync(Security);
        await api.Client.CreateAsync(new ResourceId("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", false), new("", "kata"), Parse("""{"metadata":{"name":"kata"},"handler":"kata"}"""), null, Cancel);
        await api.Client.MergePatchAsync(Resources.Namespaces, new("", ns), new JsonObject { ["metadata"] = new JsonObject { ["labels"] = Parse(labels) } }, null, Cancel);
        var pod = new JsonObject { ["metadata"] = new JsonObject { ["name"] = "p" }, ["spec"] = Parse(spec) };
        pod["spec"]!["containers"] = new JsonArray((JsonNode)Parse("""{"name":"c","image":"i"}"""));
        var client = new InProcessClient(api.Pipeline, new UserInfo(user, ["system:masters", "system:authenticated"]), "test");
        var refused = await Record.ExceptionAsync(() => client.CreateAsync(Resources.Pods, new(ns, "p"), pod, null, Cancel).AsTask());
        if (refusal.Length == 0) Assert.Null(refused);
        else Assert.EndsWith(refusal, refused!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", ": apiVersion and kind are \"\" and \"\"; they must be apiserver.config.k8s.io/v1 and AdmissionConfiguration")]
    [InlineData(Head + "- {name: EventRateLimit, path: x}", ": plugins[0] (EventRateLimit): Bramble has no settings for this plugin; only PodSecurity and ResourceQuota have")]
    [InlineData(Head + "- {name: PodSecurity}", ": plugins[0] (PodSecurity): neither configuration nor path is given")]
    [InlineData(Head + "- {name: PodSecurity, configuration: {kind: X, apiVersion: y/v1}}", ": plugins[0] (PodSecurity): apiVersion and kind are \"y/v1\" and \"X\"; they must be pod-security.admission.config.k8s.io/v1 and PodSecurityConfiguration")]
    [InlineData(Head + "- {name: PodSecurity, configuration: {kind: PodSecurityConfiguration, apiVersion: pod-security.admission.config.k8s.io/v1, defaults: {enforce: strict, warn-version: '1.2'}}}",
        ": plugins[0] (PodSecurity): defaults: enforce: Invalid value: \"strict\": must be one of privileged, baseline, restricted; warn-version: Invalid value: \"1.2\": must be \"latest\" or \"v1.x\"")]
    [InlineData(Head + "- {name: PodSecurity, configuration: {kind: PodSecurityConfiguration, apiVersion: pod-security.admission.config.k8s.io/v1, exemptions: {namespaces: [a, b, a]}}}",
        ": plugins[0] (PodSecurity): exemptions.namespaces: \"a\" is there twice")]
    [InlineData(Head + "- {name: ResourceQuota, path: quota.yaml}", ": plugins[0] (ResourceQuota): limitedResources[0].resource: Required value")]
    public void What_is_wrong_is_one_line(string text, string expected)
    {
        File("apiVersion: apiserver.config.k8s.io/v1\nkind: ResourceQuotaConfiguration\nlimitedResources: [{matchContains: [x]}]", "quota.yaml");
        var file = File(text);
        var wrong = Assert.Throws<InvalidDataException>(() => new AdmissionSettings().With(file));
        Assert.Equal(file + expected, wrong.Message);
    }
}
