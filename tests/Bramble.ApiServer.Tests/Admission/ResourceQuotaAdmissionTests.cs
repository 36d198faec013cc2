using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Admission;

/// <summary>What a namespace's quotas let through.</summary>
public class ResourceQuotaAdmissionTests
{
    private static readonly ResourceId Namespaces = new("", "v1", "namespaces", "Namespace", false);
    private static readonly ResourceId Quotas = new("", "v1", "resourcequotas", "ResourceQuota", true);
    private static readonly ResourceId ConfigMaps = new("", "v1", "configmaps", "ConfigMap", true);

    private static JsonObject Named(string name, string more = "{}")
    {
        var tree = JsonNode.Parse(more)!.AsObject();
        tree["metadata"] = new JsonObject { ["name"] = name };
        return tree;
    }

    private static async Task<InMemoryApi> WithQuotaAsync(string hard)
    {
        var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Namespaces, new("", "n"), Named("n"), null, TestContext.Current.CancellationToken);
        await api.Client.CreateAsync(Quotas, new("n", "q"), Named("q", $$"""{"spec": {"hard": {{hard}} } }"""), null, TestContext.Current.CancellationToken);
        return api;
    }

    private static async Task<string> TryCreateAsync(InMemoryApi api, string name)
    {
        try
        {
            await api.Client.CreateAsync(ConfigMaps, new("n", name), Named(name), null, TestContext.Current.CancellationToken);
            return "";
        }
        catch (StatusException refused)
        {
            return refused.Message;
        }
    }

    private static async Task<string?> UsedAsync(InMemoryApi api) =>
        (string?)(await api.Client.FindAsync(Quotas, new NamespacedName("n", "q"), TestContext.Current.CancellationToken))!.ToTree()["status"]!["used"]!["configmaps"];

    [Fact]
    public async Task Of_many_writes_at_once_as_many_get_through_as_there_is_room_for()
    {
        await using var api = await WithQuotaAsync("""{"configmaps":"4"}""");
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => TryCreateAsync(api, $"c{i}"))));
        Assert.Equal(4, answers.Count(answer => answer.Length == 0));
        Assert.Equal(4, (await api.Client.ListAsync(ConfigMaps, new ListQuery("n"), TestContext.Current.CancellationToken)).Items.Count);
        Assert.Equal("4", await UsedAsync(api));
    }

    [Fact]
    public async Task What_a_create_takes_is_in_the_status_when_it_is_answered_and_a_refusal_says_it()
    {
        await using var api = await WithQuotaAsync("""{"configmaps":"1"}""");
        Assert.Equal("", await TryCreateAsync(api, "a"));
        Assert.Equal("1", await UsedAsync(api));
        Assert.Equal("configmaps \"b\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1", await TryCreateAsync(api, "b"));
        Assert.Equal("1", await UsedAsync(api));
    }

    /// <summary>Another class of volume attributes brings a claim into another quota: there it is, whether that has room or not.</summary>
    [Theory]
    [InlineData("""{"currentVolumeAttributesClassName":"gold"}""", "1")]
    [InlineData("""{"modifyVolumeStatus":{"targetVolumeAttributesClassName":"gold","status":"InProgress"}}""", "1")]
    [InlineData("""{"phase":"Bound"}""", "0")]
    public async Task What_a_claims_status_tells_is_counted_and_never_refused(string status, string used)
    {
        var cancel = TestContext.Current.CancellationToken;
        var claims = new ResourceId("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true);
        await using var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Namespaces, new("", "n"), Named("n"), null, cancel);
        await api.Client.CreateAsync(Quotas, new("n", "q"), Named("q",
            """{"spec":{"hard":{"persistentvolumeclaims":"0"},"scopeSelector":{"matchExpressions":[{"scopeName":"VolumeAttributesClass","operator":"In","values":["gold"]}]}},"status":{}}"""), null, cancel);
        await api.Client.UpdateAsync(Quotas, new("n", "q"), Named("q", """{"status":{"hard":{"persistentvolumeclaims":"0"},"used":{"persistentvolumeclaims":"0"}}}"""), "status", cancel);
        await api.Client.CreateAsync(claims, new("n", "c"), Named("c", """{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}"""), null, cancel);
        var claim = (await api.Client.FindAsync(claims, new("n", "c"), cancel))!.ToTree();
        claim["status"] = JsonNode.Parse(status);
        await api.Client.UpdateAsync(claims, new("n", "c"), claim, "status", cancel);
        Assert.Equal(used, (string?)(await api.Client.FindAsync(Quotas, new NamespacedName("n", "q"), cancel))!.ToTree()["status"]!["used"]!["persistentvolumeclaims"]);
    }
}
