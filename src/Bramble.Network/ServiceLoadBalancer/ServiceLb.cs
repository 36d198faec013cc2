using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.ServiceLoadBalancer;

/// <summary>Writes the nodes' addresses into the status of LoadBalancer Services (<c>--disable servicelb</c> switches it off). The packets themselves are
/// the service rules' business: a status address is a front end like any other. Level-triggered over all such Services, of which a cluster has few.</summary>
internal sealed class ServiceLb(IKubeClient client, IInformers informers, IReadOnlyCollection<int> ofIngress, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(10);

    public async Task RunAsync(CancellationToken cancel)
    {
        using var changed = new SemaphoreSlim(1);
        void Wake()
        {
            if (changed.CurrentCount == 0) changed.Release();
        }
        var services = informers.For(Resources.Services);
        var slices = informers.For(Resources.EndpointSlices);
        var nodes = informers.For(Resources.Nodes);
        using var onServices = services.Subscribe(c =>
        {
            if (Concerns(c.Old) || Concerns(c.New)) Wake();
        });
        // Heartbeats change nodes all the time; only what the decision reads wakes it.
        using var onNodes = nodes.Subscribe(c =>
        {
            if (Fingerprint(c.Old) != Fingerprint(c.New)) Wake();
        });
        using var onSlices = slices.Subscribe(c =>
        {
            if (ServiceOf(c.New ?? c.Old!) is { } name && services.Find(name) is { Spec.ExternalTrafficPolicy: "Local" } local && Concerns(local)) Wake();
        });
        await Task.WhenAll(services.Synced, slices.Synced, nodes.Synced).WaitAsync(cancel);
        while (true)
        {
            await changed.WaitAsync(cancel);
            var all = services.List();
            var wanted = NodeAddresses.Decide(all, nodes.List(), name => ReadyNodes(slices, name), ofIngress);
            try
            {
                foreach (var service in all)
                    if (Concerns(service)) await ReconcileAsync(service, wanted.GetValueOrDefault(new(service.Metadata.NamespaceProperty, service.Metadata.Name), []), cancel);
            }
            catch (StatusException refused)
            {
                if (refused.Status.Code != 409) Log.LoadBalancerNotWritten(logger, refused.Message, (int)Retry.TotalSeconds);
                await Task.Delay(refused.Status.Code == 409 ? TimeSpan.FromMilliseconds(200) : Retry, time, cancel);
                Wake();
            }
        }
    }

    // Ours, or was ours: the finalizer says so.
    private static bool Concerns(V1Service? service) =>
        service is not null && (NodeAddresses.IsOurs(service) || service.Metadata.Finalizers?.Contains(NodeAddresses.Finalizer) == true && string.IsNullOrEmpty(service.Spec.LoadBalancerClass));

    private async Task ReconcileAsync(V1Service service, IReadOnlyList<string> addresses, CancellationToken cancel)
    {
        var name = new NamespacedName(service.Metadata.NamespaceProperty, service.Metadata.Name);
        var isOurs = NodeAddresses.IsOurs(service);
        var finalizers = service.Metadata.Finalizers ?? [];
        if (isOurs && !finalizers.Contains(NodeAddresses.Finalizer)) await SetFinalizersAsync([.. finalizers, NodeAddresses.Finalizer]);
        var current = (service.Status?.LoadBalancer?.Ingress ?? []).Select(i => i.Ip ?? "").ToList();
        if (!current.SequenceEqual(addresses))
        {
            var ingress = new JsonArray([.. addresses.Select(a => (JsonNode)new JsonObject { ["ip"] = a, ["ipMode"] = "VIP" })]);
            var body = new JsonObject { ["status"] = new JsonObject { ["loadBalancer"] = new JsonObject { ["ingress"] = addresses.Count > 0 ? ingress : null } } };
            await client.PatchAsync(Resources.Services, name, new Patch(PatchType.Merge, body), "status", cancel);
            Log.LoadBalancerWritten(logger, name.ToString(), string.Join(", ", addresses));
        }
        if (!isOurs && finalizers.Contains(NodeAddresses.Finalizer)) await SetFinalizersAsync(finalizers.Where(f => f != NodeAddresses.Finalizer));

        // The whole list is written, so it must be the one that was read.
        async Task SetFinalizersAsync(IEnumerable<string> now)
        {
            var metadata = new JsonObject { ["finalizers"] = new JsonArray([.. now.Select(f => (JsonNode)f)]), ["resourceVersion"] = service.Metadata.ResourceVersion };
            await client.PatchAsync(Resources.Services, name, new Patch(PatchType.Merge, new JsonObject { ["metadata"] = metadata }), null, cancel);
        }
    }

    private static HashSet<string> ReadyNodes(IInformer<V1EndpointSlice> slices, NamespacedName service) =>
        [.. slices.List(service.Namespace).Where(s => ServiceOf(s) == service).SelectMany(s => s.Endpoints ?? [])
            .Where(e => e.Conditions?.Ready != false && e.NodeName is not null).Select(e => e.NodeName)];

    private static NamespacedName? ServiceOf(V1EndpointSlice slice) =>
        slice.Metadata.Labels?.TryGetValue("kubernetes.io/service-name", out var service) == true ? new NamespacedName(slice.Metadata.NamespaceProperty, service) : null;

    private static string Fingerprint(V1Node? node) => node is null ? "" : string.Join('|',
        node.Metadata.DeletionTimestamp is null,
        node.Status?.Conditions?.FirstOrDefault(c => c.Type == "Ready")?.Status,
        string.Join(',', (node.Status?.Addresses ?? []).Select(a => a.Type + a.Address)),
        NodeAddresses.Labels(node));
}
