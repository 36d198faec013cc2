using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.ServiceAccounts;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Controllers.Tests.ServiceAccounts;

public sealed class LegacyTokenTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);
    private const string Named = """{"metadata":{"name":"a","uid":"u"},"secrets":[{"name":"t"}]}""";
    private const string Old = "2025-06-30T00:00:00Z";

    public static TheoryData<string, string, string, string?, bool, object> Cases => new()
    {
        { "a year old and never used: marked", Old, "{}", Named, false, new LegacyToken.MarkInvalid("2026-07-01") },
        { "not a year old yet", "2025-07-02T00:00:00Z", "{}", Named, false, new LegacyToken.Keep() },
        { "used within the year", Old, """{"kubernetes.io/legacy-token-last-used":"2025-07-01"}""", Named, false, new LegacyToken.Keep() },
        { "last used more than a year ago", Old, """{"kubernetes.io/legacy-token-last-used":"2025-06-30"}""", Named, false, new LegacyToken.MarkInvalid("2026-07-01") },
        { "a use that nobody understands keeps it", Old, """{"kubernetes.io/legacy-token-last-used":"yesterday"}""", Named, false, new LegacyToken.Keep() },
        { "made by hand: its account does not name it", Old, "{}", """{"metadata":{"name":"a"}}""", false, new LegacyToken.Keep() },
        { "without its account", Old, "{}", null, false, new LegacyToken.Keep() },
        { "a Pod has it mounted", Old, "{}", Named, true, new LegacyToken.Keep() },
        { "invalid for less than a year", Old, """{"kubernetes.io/legacy-token-invalid-since":"2025-07-01"}""", Named, false, new LegacyToken.Keep() },
        { "invalid for more than a year: it goes", Old, """{"kubernetes.io/legacy-token-invalid-since":"2025-06-30"}""", Named, false, new LegacyToken.Delete() },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decide(string because, string created, string labels, string? account, bool isMounted, object expected)
    {
        Assert.NotEmpty(because);
        var secret = Read<V1Secret>("{\"metadata\":{\"name\":\"t\",\"creationTimestamp\":\"" + created + "\",\"labels\":" + labels + "},\"type\":\"kubernetes.io/service-account-token\"}");
        Assert.Equal(expected, LegacyToken.Decide(secret, account is null ? null : Read<V1ServiceAccount>(account), isMounted, TimeSpan.FromDays(365), Noon));
    }

    [Theory]
    [InlineData("nobody notes uses", null, false)]
    [InlineData("since when is not said", "{}", false)]
    [InlineData("what is said is no day", """{"since":"long"}""", false)]
    [InlineData("the year ends today", """{"since":"2025-07-01"}""", false)]
    [InlineData("the year has ended, its first day was a whole one", """{"since":"2025-06-30"}""", true)]
    public void Uses_are_known(string because, string? data, bool expected)
    {
        Assert.NotEmpty(because);
        var tracking = data is null ? null : Read<V1ConfigMap>("{\"metadata\":{\"name\":\"m\"},\"data\":" + data + "}");
        Assert.Equal(expected, LegacyToken.AreUsesKnown(tracking, TimeSpan.FromDays(365), Noon));
    }

    /// <summary>Ten Secrets of one account that are long unused; a Pod names nine of them, each in another way.</summary>
    [Fact]
    public async Task What_a_Pod_names_stays_as_it_is()
    {
        var api = new TestCluster { Clock = new FakeTimeProvider(new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero)) };
        var names = Enumerable.Range(0, 10).Select(i => $"t{i}").ToList();
        await CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"kube-apiserver-legacy-service-account-token-tracking","namespace":"kube-system"},"data":{"since":"2020-01-01"}}""");
        await CreateAsync(Resources.ServiceAccounts, $$"""{"metadata":{"name":"a","namespace":"n"},"secrets":[{{string.Join(',', names.Select(n => $$"""{"name":"{{n}}"}"""))}}]}""");
        foreach (var name in names)
            await CreateAsync(Resources.Secrets, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"n","annotations":{"kubernetes.io/service-account.name":"a"}},"type":"kubernetes.io/service-account-token"}""");
        await CreateAsync(Resources.Pods, """
            {"metadata":{"name":"p","namespace":"n"},"spec":{"imagePullSecrets":[{"name":"t1"}],
             "initContainers":[{"name":"i","envFrom":[{"secretRef":{"name":"t2"}}]}],
             "containers":[{"name":"c","env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"t3","key":"k"}}}]}],
             "ephemeralContainers":[{"name":"e","env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"t4","key":"k"}}}]}],
             "volumes":[{"name":"v5","secret":{"secretName":"t5"}},{"name":"v6","projected":{"sources":[{"secret":{"name":"t6"}}]}},{"name":"v7","azureFile":{"secretName":"t7","shareName":"s"}},
              {"name":"v8","csi":{"driver":"d","nodePublishSecretRef":{"name":"t8"}}},{"name":"v9","iscsi":{"secretRef":{"name":"t9"}}}]}}
            """);
        await using var scenario = ControllerScenario.Start("legacy-service-account-token-cleaner", api);
        await scenario.Time.UntilAsync(3600, async () => (await MarkedAsync()).Count > 0);
        // When it is marked again the first look at all of them is over.
        await api.ChangeAsync(Resources.Secrets, new NamespacedName("n", "t0"), t => t["metadata"]!["labels"]!.AsObject().Remove(LegacyToken.InvalidSince));
        await scenario.Time.UntilAsync(3600, async () => (await MarkedAsync()).Contains("t0"));
        Assert.Equal(["t0"], await MarkedAsync());

        Task CreateAsync(ResourceId resource, string json)
        {
            var body = JsonNode.Parse(json)!.AsObject();
            return api.CreateAsync(resource, new NamespacedName((string)body["metadata"]!["namespace"]!, (string)body["metadata"]!["name"]!), body, null, default).AsTask();
        }

        async Task<List<string>> MarkedAsync() =>
            [.. (await api.ListModelsAsync(Resources.Secrets, new ListQuery("n"), default)).Where(s => s.Metadata.Labels?.ContainsKey(LegacyToken.InvalidSince) == true).Select(s => s.Metadata.Name)];
    }

    private static T Read<T>(string json) where T : class, IKubernetesObject<V1ObjectMeta> => KubeObject.Parse(Encoding.UTF8.GetBytes(json)).Model<T>();
}
