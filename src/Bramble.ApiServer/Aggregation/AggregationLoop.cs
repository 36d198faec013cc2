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
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(5);

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
                changes.Add(Task.Delay(wait > TimeSpan.FromSeconds(1) ? wait : TimeSpan.FromSeconds(1), time, cancel));
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
        // 2, 4, 8, 16, then every 30 s.
        var again = failures is > 0 and < 5 ? TimeSpan.FromSeconds(1 << failures) : Interval;
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

    /// <summary>Asks the server for its resources, up to three times: one endpoint of several may be ill.</summary>
    private async Task<AvailableCondition> ProbeAsync(RemoteService remote, CancellationToken cancel)
    {
        var why = "";
        for (var attempt = 0; attempt < 3; attempt++)
        {
            if (ServiceResolver.Resolve(pipeline.Cache, remote) is not { } endpoint) return Availability.FailedDiscovery($"no endpoints available for service \"{remote.Service.Name}\"");
            var path = $"/apis/{remote.Group}/{remote.Version}";
            var url = $"https://{(endpoint.Host.Contains(':') ? $"[{endpoint.Host}]" : endpoint.Host)}:{endpoint.Port}{path}";
            try
            {
                var (code, body) = await GetAsync(remote, endpoint, path, cancel);
                if (code is < 200 or >= 300)
                {
                    why = $"failing or missing response from {url}: bad status from {url}: {code}";
                    continue;
                }

                aggregator.Known.Learn(remote, new RemoteKnowledge(ResourcesIn(body), await OpenApiUrlAsync(remote, endpoint, cancel)));
                return Availability.Passed;
            }
            catch (HttpRequestException e)
            {
                why = $"failing or missing response from {url}: Get \"{url}\": {RemoteConnections.Explain(e, endpoint)}";
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                why = $"failing or missing response from {url}: Get \"{url}\": context deadline exceeded";
            }
        }

        return Availability.FailedDiscovery(why);
    }

    private async Task<(int Code, byte[] Body)> GetAsync(RemoteService remote, (string Host, int Port) endpoint, string path, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(ProbeTimeout);
        using var message = new HttpRequestMessage(HttpMethod.Get, $"https://{remote.Host}:{remote.Port}{path}");
        SeparateLines.Add(message, RemoteUser.Headers(RemoteUser.Aggregator));
        message.Options.Set(RemoteConnections.Endpoint, endpoint);
        using var answer = await aggregator.Connections.Of(remote).SendAsync(message, limit.Token);
        return ((int)answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(limit.Token));
    }

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
        var (create, delete) = AutoRegistration.Decide(pipeline.Cache.List(Definitions).Select(obj => new Definition(obj)), pipeline.Cache.List(RemoteServiceIndex.ApiServices));
        try
        {
            foreach (var body in create) await client.CreateAsync(ApiServices, new NamespacedName("", body.ObjectName()), body, null, cancel);
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
