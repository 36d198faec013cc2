using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Verbs;

public sealed class CreationTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("the name was chosen", "", false, "configmaps \"a\" already exists", 0)]
    [InlineData("it seems to come of a prefix", "\"generateName\":\"x-\",", false, "configmaps \"a\" already exists, the server was not able to generate a unique name for the object", 1)]
    [InlineData("what has it is going", "", true, "object is being deleted: configmaps \"a\" already exists", 0)]
    [InlineData("what has it is going, and it seems to come of a prefix", "\"generateName\":\"x-\",", true, "object is being deleted: configmaps \"a\" already exists, the server was not able to generate a unique name for the object", 1)]
    public async Task A_name_that_is_taken_is_refused(string why, string prefix, bool isGoing, string message, int retryAfterSeconds)
    {
        Assert.NotEmpty(why);
        await using var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), Parse("""{"metadata":{"name":"n"}}"""), null, Cancel);
        await api.Client.CreateAsync(Resources.ConfigMaps, new("n", "a"), Parse("""{"metadata":{"name":"a","finalizers":["a.b/c"]}}"""), null, Cancel);
        if (isGoing) await api.Client.DeleteAsync(Resources.ConfigMaps, new("n", "a"), new DeleteQuery(), Cancel);
        var refused = await Assert.ThrowsAsync<StatusException>(async () =>
            await api.Client.CreateAsync(Resources.ConfigMaps, new("n", "a"), Parse("{\"metadata\":{" + prefix + "\"name\":\"a\"}}"), null, Cancel));
        Assert.Equal((true, message, "a", retryAfterSeconds), (refused.IsAlreadyExists, refused.Message, refused.Status.Details!.Name, refused.Status.Details.RetryAfterSeconds));
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
