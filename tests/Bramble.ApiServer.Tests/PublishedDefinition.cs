using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.CustomResources;
using Bramble.Client;

namespace Bramble.ApiServer.Tests;

/// <summary>An API with a namespace <c>d</c> and the definition of widgets.example.com, which the publisher accepts.</summary>
internal sealed class PublishedDefinition : IAsyncDisposable
{
    public static readonly NamespacedName Name = new("", "widgets.example.com");

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    private PublishedDefinition(InMemoryApi api)
    {
        Api = api;
        _running = new DefinitionPublisher(api.Pipeline, api.Client, TimeProvider.System).RunAsync(_stop.Token);
    }

    public InMemoryApi Api { get; }

    /// <param name="definition">The definition as JSON.</param>
    public static async Task<PublishedDefinition> StartAsync(string definition)
    {
        var published = new PublishedDefinition(await InMemoryApi.StartAsync());
        await published.Api.Client.CreateAsync(Resources.Namespaces, Body("""{"metadata":{"name":"d"}}"""), default);
        await published.Api.Client.CreateAsync(Resources.CustomResourceDefinitions, Body(definition), default);
        await published.UntilAsync("Established True InitialNamesAccepted");
        return published;
    }

    public async Task<JsonObject> ReadAsync() => (await Api.Client.FindAsync(Resources.CustomResourceDefinitions, Name, default))!.ToTree();

    /// <summary>Until a condition reads as this: type, status, reason, a colon, message, or as far as given.</summary>
    public async Task UntilAsync(string condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            var revision = Api.Cache.AppliedRevision;
            var definition = await ReadAsync();
            var shown = (definition["status"]?["conditions"] as JsonArray ?? []).Select(c => $"{c!["type"]} {c["status"]} {c["reason"]}: {c["message"]}").ToList();
            if (shown.Exists(c => c.StartsWith(condition, StringComparison.Ordinal))) return;
            try
            {
                await Api.Cache.WaitForAsync(revision + 1, limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"not {condition}, but {string.Join(", ", shown)}; {_running.Exception} {definition["metadata"]!.ToJsonString()}");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await Api.DisposeAsync();
        _stop.Dispose();
    }

    private static JsonObject Body(string json) => JsonNode.Parse(json)!.AsObject();
}
