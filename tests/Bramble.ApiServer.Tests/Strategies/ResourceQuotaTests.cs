using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Strategies;

public sealed class ResourceQuotaTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;
    private static readonly ResourceId Resource = new("", "v1", "resourcequotas", "ResourceQuota", true);

    [Theory]
    [InlineData("""{"hard":{"cpu":"100m","pods":"10","requests.storage":"1Gi","hugepages-2Mi":"4Mi","count/jobs.batch":"1","requests.example.com/gpu":"1"}}""", null)]
    [InlineData("""{"hard":{"storage":"10"}}""", "must be a standard resource for quota")]
    [InlineData("""{"hard":{"pods":"1.5"}}""", "must be an integer")]
    [InlineData("""{"hard":{"memory":"-1"}}""", "must be greater than or equal to 0")]
    // What may be limited for some Pods only.
    [InlineData("""{"hard":{"cpu":"1","limits.memory":"1","pods":"1","requests.example.com/gpu":"1"},"scopes":["NotTerminating"]}""", null)]
    [InlineData("""{"hard":{"requests.ephemeral-storage":"1"},"scopes":["Terminating"]}""", "unsupported scope applied to resource")]
    [InlineData("""{"hard":{"hugepages-2Mi":"4Mi"},"scopes":["Terminating"]}""", "unsupported scope applied to resource")]
    [InlineData("""{"hard":{"services":"1"},"scopes":["NotBestEffort"]}""", "unsupported scope applied to resource")]
    [InlineData("""{"hard":{"pods":"1"},"scopes":["BestEffort"]}""", null)]
    [InlineData("""{"hard":{"cpu":"1"},"scopes":["BestEffort"]}""", "unsupported scope applied to resource")]
    [InlineData("""{"hard":{"pods":"1"},"scopes":["BestEffort","NotBestEffort"]}""", "conflicting scopes")]
    [InlineData("""{"hard":{"pods":"1"},"scopes":["Other"]}""", "unsupported scope")]
    [InlineData("""{"scopeSelector":{"matchExpressions":[{"scopeName":"PriorityClass","operator":"In","values":["a"]}]}}""", null)]
    [InlineData("""{"scopeSelector":{"matchExpressions":[{"scopeName":"PriorityClass","operator":"In"}]}}""", "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector")]
    [InlineData("""{"scopeSelector":{"matchExpressions":[{"scopeName":"CrossNamespacePodAffinity","operator":"In","values":["a"]}]}}""", "must be 'Exists' when scope is any of")]
    public async Task A_quota_limits_what_it_can(string spec, string? complaint)
    {
        await using var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), new JsonObject { ["metadata"] = new JsonObject { ["name"] = "n" } }, null, Cancel);
        var quota = new JsonObject { ["metadata"] = new JsonObject { ["name"] = "q" }, ["spec"] = JsonNode.Parse(spec) };
        var refused = await Record.ExceptionAsync(async () => await api.Client.CreateAsync(Resource, new("n", "q"), quota, null, Cancel));
        if (complaint is null) Assert.Null(refused);
        else Assert.Contains(complaint, Assert.IsType<StatusException>(refused).Message, StringComparison.Ordinal);
    }
}
