using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.CustomResources;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Bramble.Client;

namespace Bramble.ApiServer.Aggregation;

/// <summary>Keeps watch over the servers behind APIServices: asks each for its resources, writes the condition Available, remembers the answers for discovery; and registers
/// the group versions of CustomResourceDefinitions. One task. Woken by changes of APIServices and definitions; only while there are remote ones also by those of Services
/// and EndpointSlices, and every 30 s (as upstream), sooner after a failure.</summary>
public sealed class AggregationLoop(ApiPipeline pipeline, Aggregator aggregator, IKubeClient client, TimeProvider time)
{
    private static readonly ResourceId ApiServices = new("apiregistration.k8s.io", "v1", "apiservices", "APIService", false);
    private static readonly GroupResource Definitions = new("apiextensions.k8s.io", "customresourcedefinitions");
    private static readonly GroupResource[] Backends = [new("", "services"), new("discovery.k8s.io", "endpointslices")];
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(5);
    private const int Attempts = 5;

    /// <summary>What was known when a service was last asked, and when to ask again if nothing changes.</summary>
    private sealed record Probed(string Inputs, DateTimeOffset Again, int Failures);

    private readonly Dictionary<string, Probed> _probed = new(StringComparer.Ordinal);

    public async Task RunAsync(CancellationToken cancel)
    {
        while (true)
        {
            // Taken before looking, so that no change is missed.
            List<Task> changes = [pipeline.Cache.Of(RemoteServiceIndex.ApiServices).Changed, pipeline.Cache.Of(Definitions).Changed];
            await RegisterDefinitionsAsync(cancel);
            var services = aggregator.Services;
            Forget(services);
            if (services.Count > 0)
            {
                changes.AddRange(Backends.Select(resource => pipeline.Cache.Of(resource).Changed));
                await Task.WhenAll(services.Select(service => CheckAsync(service, cancel)));
                var wait = _probed.Values.Select(probed => probed.Again).DefaultIfEmpty(time.GetUtcNow() + Interval).Min() - time.GetUtcNow();
                changes.Add(Task.Delay(wait > ShortestPause ? wait : ShortestPause, time, cancel));
            }

            await Task.WhenAny(changes).WaitAsync(cancel);
            cancel.ThrowIfCancellationRequested();
        }
    }

    private void Forget(IReadOnlyCollection<RemoteService> services)
    {
        var names = services.Select(service => service.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var name in _probed.Keys.Where(name => !names.Contains(name)).ToList()) _probed.Remove(name);
        aggregator.Known.Keep(names);
        aggregator.Connections.Keep(names);
    }

    private async Task CheckAsync(RemoteService remote, CancellationToken cancel)
    {
        var service = ServiceResolver.Find(pipeline.Cache, remote.Service);
        var slices = ServiceResolver.SlicesOf(pipeline.Cache, remote.Service);
        var inputs = string.Join('\n', [remote.Spec, Version(service), .. slices.Select(Version)]);
        Probed? last;
        lock (_probed) last = _probed.GetValueOrDefault(remote.Name);
        if (last is not null && last.Inputs == inputs && time.GetUtcNow() < last.Again) return;
        var condition = Availability.Decide(remote, service, slices) ?? await ProbeAsync(remote, cancel);
        var failures = condition.IsTrue ? 0 : last?.Inputs == inputs ? last.Failures + 1 : 1;
        // 0.25, 0.5, 1, 2, 4, 8, 16, then every 30 s: a server that has just started answers soon.
        var again = failures is > 0 and < 8 ? TimeSpan.FromMilliseconds(125 << failures) : Interval;
        lock (_probed) _probed[remote.Name] = new Probed(inputs, time.GetUtcNow() + again, failures);
        await WriteAsync(remote, condition, cancel);
    }

    private static string Version(JsonObject? tree) => tree.Text("metadata", "resourceVersion");

    private async Task WriteAsync(RemoteService remote, AvailableCondition condition, CancellationToken cancel)
    {
        var name = new NamespacedName("", remote.Name);
        if (pipeline.Cache.Find(RemoteServiceIndex.ApiServices, name)?.ToTree() is not { } current) return;
        if (Availability.Change(current.Object("status"), condition, time.GetUtcNow()) is not { } status) return;
        var tree = (JsonObject)current.DeepClone();
        tree["status"] = status;
        try
        {
            await client.UpdateAsync(ApiServices, name, tree, "status", cancel);
        }
        catch (StatusException e) when (e.Status.Code is 404 or 409)
        {
            return; // it changed meanwhile: its change wakes us
        }
        catch (StatusException e)
        {
            AggregationLog.Failed(pipeline.Log, remote.Name, e.Message);
            return;
        }

        if (condition.IsTrue) AggregationLog.Available(pipeline.Log, remote.Name);
        else AggregationLog.Unavailable(pipeline.Log, remote.Name, condition.Reason, condition.Message);
    }

    /// <summary>Asks the server for its resources, several times at once: one endpoint of several may be ill. The first good answer counts.</summary>
    private async Task<AvailableCondition> ProbeAsync(RemoteService remote, CancellationToken cancel)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        List<Task<Heard>> asking = [.. Enumerable.Range(0, Attempts).Select(_ => AskAsync(remote, enough.Token))];
        Heard heard;
        do
        {
            var answered = await Task.WhenAny(asking);
            asking.Remove(answered);
            heard = await answered;
        }
        while (heard.Body is null && asking.Count > 0);
        await enough.CancelAsync();
        await Task.WhenAll(asking);
        cancel.ThrowIfCancellationRequested();
        if (heard.Body is not { } body) return Availability.FailedDiscovery(heard.Why);
        aggregator.Known.Learn(remote, new RemoteKnowledge(ResourcesIn(body), await OpenApiUrlAsync(remote, heard.Endpoint, cancel)));
        return Availability.Passed;
    }

    /// <summary>What a server said to a question.</summary>
    /// <param name="body">Null: nothing good; <paramref name="why"/> says so.</param>
    private sealed class Heard((string Host, int Port) endpoint, byte[]? body, string why)
    {
        public (string Host, int Port) Endpoint => endpoint;
        public byte[]? Body => body;
        public string Why => why;
    }

    /// <param name="enough">Ends it, with no answer.</param>
    private async Task<Heard> AskAsync(RemoteService remote, CancellationToken enough)
    {
        if (ServiceResolver.Resolve(pipeline.Cache, remote) is not { } endpoint) return new(default, null, $"no endpoints available for service \"{remote.Service.Name}\"");
        var path = $"/apis/{remote.Group}/{remote.Version}";
        var url = $"https://{(endpoint.Host.Contains(':') ? $"[{endpoint.Host}]" : endpoint.Host)}:{endpoint.Port}{path}";
        try
        {
            var (code, body) = await GetAsync(remote, endpoint, path, enough);
            return code is >= 200 and < 300 ? new(endpoint, body, "") : new(endpoint, null, $"failing or missing response from {url}: bad status from {url}: {code}");
        }
        catch (HttpRequestException e)
        {
            return new(endpoint, null, $"failing or missing response from {url}: Get \"{url}\": {RemoteConnections.Explain(e, endpoint)}");
        }
        catch (OperationCanceledException)
        {
            return new(endpoint, null, $"failing or missing response from {url}: Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
        }
    }

    private Task<(int Code, byte[] Body)> GetAsync(RemoteService remote, (string Host, int Port) endpoint, string path, CancellationToken cancel) =>
        aggregator.Connections.GetAsync(remote, endpoint, path, RemoteUser.Aggregator, ProbeTimeout, cancel);

    /// <summary>Servers without OpenAPI v3 are as good as others.</summary>
    private async Task<string?> OpenApiUrlAsync(RemoteService remote, (string Host, int Port) endpoint, CancellationToken cancel)
    {
        try
        {
            var (code, body) = await GetAsync(remote, endpoint, "/openapi/v3", cancel);
            return code == 200 ? (Parse(body)?["paths"]?[$"apis/{remote.Group}/{remote.Version}"]?["serverRelativeURL"] as JsonValue)?.AsText() : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }

    private static JsonArray ResourcesIn(byte[] body) => Parse(body)?["resources"] is JsonArray resources ? (JsonArray)resources.DeepClone() : [];

    private static JsonNode? Parse(byte[] body)
    {
        try
        {
            return JsonNode.Parse(body) as JsonObject;
        }
        catch (JsonException)
        {
            return null; // whatever it is, it is no such list
        }
    }

    private async Task RegisterDefinitionsAsync(CancellationToken cancel)
    {
        var (create, update, delete) = AutoRegistration.Decide(pipeline.Cache.List(Definitions).Select(obj => new Definition(obj)), pipeline.Cache.List(RemoteServiceIndex.ApiServices));
        try
        {
            foreach (var body in create) await client.CreateAsync(ApiServices, new NamespacedName("", body.ObjectName()), body, null, cancel);
            foreach (var body in update) await client.UpdateAsync(ApiServices, new NamespacedName("", body.ObjectName()), body, null, cancel);
            foreach (var name in delete) await client.DeleteAsync(ApiServices, new NamespacedName("", name), new DeleteQuery(), cancel);
        }
        catch (StatusException e) when (e.Status.Code is 404 or 409)
        {
            // Another server of the cluster was faster: its change wakes us.
        }
        catch (StatusException e)
        {
            AggregationLog.Failed(pipeline.Log, "of a CustomResourceDefinition", e.Message);
        }
    }
}
