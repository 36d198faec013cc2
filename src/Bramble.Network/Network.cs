using System.Net;
using Bramble.Client;
using Bramble.Network.Dns;
using Bramble.Network.Firewalls;
using Bramble.Network.Ingress;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Nftables;
using Bramble.Network.PodNetwork;
using Bramble.Network.PodNetwork.Overlays;
using Bramble.Network.Policies;
using Bramble.Network.Services;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network;

/// <summary>Everything a node does for the network: pod network, services, cluster DNS, accepts in foreign firewalls. Started once by the composition.
/// Kernel state outlives the process on purpose: what is forwarded goes on while Bramble restarts; k3s-killall.sh takes it away.</summary>
/// <param name="client">Writes what the network owns.</param>
/// <param name="node">As the node itself: it may read the Secrets of what its ingress serves.</param>
/// <param name="definitions">Done when the Gateway API's definitions are there.</param>
public sealed class Network(NetworkConfig config, IKubeClient client, IKubeClient node, IInformers informers, Task definitions, TimeProvider time, ILoggerFactory logs)
{
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly TaskCompletionSource<NetworkPolicies?> _policies = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>For the kubelet: a pod of this node has got its addresses and is about to start; returns when its network policies are in force.</summary>
    public async Task PodStartsAsync(V1Pod pod, IReadOnlyList<string> ips, CancellationToken cancel)
    {
        if (await _policies.Task.WaitAsync(cancel) is { } policies)
            await policies.PodStartsAsync(pod, [.. ips.Select(text => IPAddress.TryParse(text, out var ip) ? ip : null).OfType<IPAddress>()], cancel);
    }

    /// <summary>What the node's ingress has counted.</summary>
    public IngressMetrics IngressMetrics { get; } = new();

    /// <summary>Done when the node's pod network is configured, the services are in the kernel and the cluster DNS answers.</summary>
    public Task Ready => _ready.Task;

    /// <summary>Runs until cancelled. Throws only what makes a network impossible, with cause and fix in the message.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var nftables = new NftablesLibrary();
        var logger = logs.CreateLogger("network");
        var hasBridgeNetfilter = KernelSettings.EnableBridgeNetfilter();
        if (!hasBridgeNetfilter && config.Backend != FlannelBackend.None) Log.NoBridgeNetfilter(logger);
        KernelSettings.ApplyConntrack(config.Proxy, logger);
        var pods = new PodNetworkSetup(config, informers, hasBridgeNetfilter, logger);
        var proxy = new ServiceProxy(config, informers, nftables, masqueradesNeighbours: !hasBridgeNetfilter, time, logger);
        // Not linked: on a clean stop the ingress' requests end first, and until then names and routes are kept up.
        using var parts = new CancellationTokenSource();
        using var ingressStop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // --disable-kube-proxy: somebody else's proxy (Cilium's) carries the services.
        var proxies = !config.Disabled.Contains("kube-proxy");
        var firewalls = new ForeignFirewalls(config, nftables, RestoreRules, time, logger);
        if (!config.DisablesNetworkPolicy)
        {
            var policies = new NetworkPolicies(config, informers, nftables, time, logger);
            _policies.TrySetResult(policies);
        }
        else _policies.TrySetResult(null);
        List<Task> running = [pods.RunAsync(parts.Token), firewalls.RunAsync(parts.Token)];
        List<Task> ready = [pods.Configured, firewalls.Looked];
        if (proxies)
        {
            running.Add(proxy.RunAsync(parts.Token));
            ready.Add(proxy.Loaded);
        }
        if (await _policies.Task is { } enforcing)
        {
            running.Add(enforcing.RunAsync(parts.Token));
            ready.Add(enforcing.Loaded);
        }
        if (!config.Disabled.Contains("coredns"))
        {
            var dns = new ClusterDns(config, informers, time, logger);
            running.Add(dns.RunAsync(parts.Token));
            ready.Add(dns.Serving);
        }
        var ingress = !config.Disabled.Contains("traefik")
            ? new IngressProxy(config, node, informers, definitions, IngressMetrics, time, logs, logger).RunAsync(ingressStop.Token)
            : Task.Delay(Timeout.InfiniteTimeSpan, time, ingressStop.Token);
        running.Add(ingress);
        if (config.Backend != FlannelBackend.None) running.Add(new Overlay(config, client, informers, time, logger).RunAsync(parts.Token));
        running.Add(AnnounceAsync(ready, parts.Token));
        try
        {
            await foreach (var ended in Task.WhenEach(running)) await ended;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return;
        }
        finally
        {
            await ingressStop.CancelAsync();
            await ingress.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await parts.CancelAsync();
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        void RestoreRules()
        {
            Log.RulesGone(logger);
            if (proxies) proxy.Reload();
            if (_policies.Task is { IsCompletedSuccessfully: true, Result: { } gone }) gone.Reload();
        }
    }

    private async Task AnnounceAsync(List<Task> conditions, CancellationToken cancel)
    {
        await Task.WhenAll(conditions).WaitAsync(cancel);
        _ready.TrySetResult();
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancel);
    }
}
