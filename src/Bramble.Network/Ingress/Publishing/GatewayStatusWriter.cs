using System.Net;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Client.GatewayApi;
using Bramble.Network.Ingress.Gateways;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Ingress.Routing;
using Bramble.Network.Ingress.Tls;
using Bramble.Network.ServiceLoadBalancer;
using Bramble.Network.Services;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Ingress.Publishing;

/// <summary>Writes what became of GatewayClasses, Gateways and HTTPRoutes into their status; runs on the server. Level-triggered over all of them; what is
/// written already is not written again.</summary>
internal sealed class GatewayStatusWriter(IKubeClient client, IInformers informers, IngressPorts ports, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(10);

    public async Task RunAsync(CancellationToken cancel)
    {
        var changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        void Wake() => changes.Writer.TryWrite(true);
        var objects = new GatewayObjects(informers);
        var services = informers.For(Resources.Services);
        var namespaces = informers.For(Resources.Namespaces);
        var nodes = informers.For(Resources.Nodes);
        var secrets = informers.For(Resources.Secrets);
        var addresses = "";
        // Nothing else is looked at while there is no Gateway at all.
        var isUsed = false;
        using var onObjects = objects.Subscribe(Wake);
        using var onServices = services.Subscribe(change =>
        {
            if (isUsed && (change.Old is null || change.New is null || change.Old.Metadata.Generation != change.New.Metadata.Generation || change.Old.Spec.Ports?.Count != change.New.Spec.Ports?.Count)) Wake();
        });
        using var onNamespaces = namespaces.Subscribe(_ =>
        {
            if (isUsed) Wake();
        });
        using var onSecrets = secrets.Subscribe(change =>
        {
            if (isUsed && (change.New ?? change.Old)!.Type == "kubernetes.io/tls") Wake();
        });
        using var onNodes = nodes.Subscribe(_ =>
        {
            // Heartbeats change nodes all the time; only their addresses matter.
            var now = string.Join(',', NodeAddresses.OfAll(nodes.List()));
            if (Interlocked.Exchange(ref addresses, now) != now && isUsed) Wake();
        });
        await Task.WhenAll(objects.Synced, services.Synced, namespaces.Synced, nodes.Synced, secrets.Synced).WaitAsync(cancel);
        while (true)
        {
            await changes.Reader.ReadAsync(cancel);
            var world = objects.World(ns => namespaces.Find(new("", ns))?.Metadata.Labels, name => HasCertificate(secrets.Find(name)), ports);
            isUsed = world.Gateways.Count > 0;
            // Only whether a Service and its port are there; who is behind it is the nodes' business.
            var backends = new ServiceBackends(services.Find, _ => [], new NodePlace("", null), new Dictionary<IPEndPoint, BackendEndpoint>());
            try
            {
                await WriteAsync(GatewayPlan.Decide(world, backends), world, objects, NodeAddresses.OfAll(nodes.List()), cancel);
            }
            catch (StatusException refused)
            {
                if (!refused.IsNotFound) Log.IngressStatusNotWritten(logger, refused.Message, (int)Retry.TotalSeconds);
                await Task.Delay(Retry, time, cancel);
                Wake();
            }
        }
    }

    private async Task WriteAsync(GatewayPlan plan, GatewayWorld world, GatewayObjects objects, IReadOnlyList<string> addresses, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        foreach (var one in world.Classes.Where(c => c.IsServed))
            if (objects.FindClass(one.Name) is { } found) await SetAsync(GatewayKinds.Classes, found, status => GatewayStatusBodies.Class(one, status, now), cancel);
        foreach (var status in plan.Gateways)
            if (objects.FindGateway(status.Gateway.Name) is { } found) await SetAsync(GatewayKinds.Gateways, found, before => GatewayStatusBodies.Of(status, addresses, before, now), cancel);
        var routes = plan.HttpRoutes.ToDictionary(r => r.Route.Name);
        foreach (var found in objects.AllRoutes)
            await SetAsync(GatewayKinds.HttpRoutes, found, before =>
            {
                var parents = GatewayStatusBodies.Parents(routes.GetValueOrDefault(found.Name), before?["parents"], now);
                return parents.Count == 0 && before is null ? [] : new JsonObject { ["parents"] = parents };
            }, cancel);
    }

    private async Task SetAsync(ResourceId resource, KubeObject found, Func<JsonNode?, JsonObject> wanted, CancellationToken cancel)
    {
        var status = found.ToTree()["status"];
        var body = wanted(status);
        if (body.All(field => JsonNode.DeepEquals(field.Value, status?[field.Key]))) return;
        await client.PatchAsync(resource, found.Name, new Patch(PatchType.Merge, new JsonObject { ["status"] = body }), "status", cancel);
    }

    private static bool HasCertificate(V1Secret? secret)
    {
        if (secret?.Data is not { } data || !data.TryGetValue("tls.crt", out var chain) || !data.TryGetValue("tls.key", out var key)) return false;
        try
        {
            using var certificate = ServedCertificate.FromPem(chain, key);
            return true;
        }
        catch (System.Security.Cryptography.CryptographicException)
        {
            return false;
        }
    }
}
