using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Ingresses;
using Bramble.Network.ServiceLoadBalancer;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Ingress.Publishing;

/// <summary>Writes the nodes' addresses into the status of the Ingresses that the nodes serve; runs on the server. Level-triggered over all of them.</summary>
internal sealed class IngressStatus(IKubeClient client, IInformers informers, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(10);

    public async Task RunAsync(CancellationToken cancel)
    {
        var changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        var ingresses = informers.For(Resources.Ingresses);
        var classes = informers.For(Resources.IngressClasses);
        var nodes = informers.For(Resources.Nodes);
        var addresses = "";
        using var onIngresses = ingresses.Subscribe(_ => changes.Writer.TryWrite(true));
        using var onClasses = classes.Subscribe(_ => changes.Writer.TryWrite(true));
        // Heartbeats change nodes all the time; only what the decision reads wakes it.
        using var onNodes = nodes.Subscribe(_ =>
        {
            var now = string.Join(',', NodeAddresses.OfAll(nodes.List()));
            if (Interlocked.Exchange(ref addresses, now) != now) changes.Writer.TryWrite(true);
        });
        await Task.WhenAll(ingresses.Synced, classes.Synced, nodes.Synced).WaitAsync(cancel);
        while (true)
        {
            await changes.Reader.ReadAsync(cancel);
            var wanted = NodeAddresses.OfAll(nodes.List());
            try
            {
                foreach (var ingress in ingresses.List())
                    if (IngressOwnership.IsServed(ingress, name => classes.Find(new("", name))?.Spec?.Controller) && Change(ingress, wanted) is { } body)
                        await client.PatchAsync(Resources.Ingresses, new NamespacedName(ingress.Metadata.NamespaceProperty, ingress.Metadata.Name), new Patch(PatchType.Merge, body), "status", cancel);
            }
            catch (StatusException refused)
            {
                // It has gone meanwhile: nothing to tell.
                if (refused.IsNotFound) continue;
                Log.IngressStatusNotWritten(logger, refused.Message, (int)Retry.TotalSeconds);
                await Task.Delay(Retry, time, cancel);
                changes.Writer.TryWrite(true);
            }
        }
    }

    /// <summary>The patch that brings the status to these addresses; null: it is so already.</summary>
    internal static JsonObject? Change(V1Ingress ingress, IReadOnlyList<string> addresses)
    {
        if ((ingress.Status?.LoadBalancer?.Ingress ?? []).Select(i => i.Ip ?? "").SequenceEqual(addresses)) return null;
        var list = addresses.Count == 0 ? null : new JsonArray([.. addresses.Select(ip => (JsonNode)new JsonObject { ["ip"] = ip })]);
        return new JsonObject { ["status"] = new JsonObject { ["loadBalancer"] = new JsonObject { ["ingress"] = list } } };
    }
}
