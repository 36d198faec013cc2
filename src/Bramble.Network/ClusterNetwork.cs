using Bramble.Client;
using Bramble.Network.Dns;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Ingress.Publishing;
using Bramble.Network.ServiceLoadBalancer;
using Microsoft.Extensions.Logging;

namespace Bramble.Network;

/// <summary>What a server does for the network of the whole cluster, be it a node itself or not: the objects of cluster DNS and ingress, which tools and charts look
/// for, and the statuses of Services, Ingresses and Gateways. Writes objects only; the packets are the nodes' (<see cref="Network"/>).</summary>
public sealed class ClusterNetwork(IKubeClient client, IInformers informers, TimeProvider time, ILoggerFactory logs)
{
    private readonly TaskCompletionSource _definitions = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done when the Gateway API's definitions are there.</summary>
    public Task Definitions => _definitions.Task;

    /// <param name="config">Its node is the one that the EndpointSlice of kube-dns names, as long as it is there.</param>
    public async Task RunAsync(NetworkConfig config, CancellationToken cancel)
    {
        var logger = logs.CreateLogger("network");
        var servesIngress = !config.Disabled.Contains("traefik");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        List<Task> running = [PublishIngressAsync(servesIngress, config.IngressPorts, logger, stop.Token)];
        if (!config.Disabled.Contains("servicelb"))
            running.Add(new ServiceLb(client, informers, servesIngress ? [config.IngressPorts.Web, config.IngressPorts.WebSecure] : [], time, logger).RunAsync(stop.Token));
        running.Add(KubeDnsObjects.KeepAsync(config, client, informers, time, logger, stop.Token));
        if (!config.Disabled.Contains("coredns")) running.Add(NodeHosts.KeepAsync(client, informers, time, logger, stop.Token));
        try
        {
            await foreach (var ended in Task.WhenEach(running)) await ended;
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task PublishIngressAsync(bool isServed, IngressPorts ports, ILogger logger, CancellationToken cancel)
    {
        var objects = new IngressObjects(client, time, logger);
        if (!isServed)
        {
            await objects.RemoveAsync(cancel);
            return;
        }
        await objects.EnsureAsync(cancel);
        _definitions.TrySetResult();
        await Task.WhenAll(
            new IngressStatus(client, informers, time, logger).RunAsync(cancel),
            new GatewayStatusWriter(client, informers, ports, time, logger).RunAsync(cancel));
    }
}
