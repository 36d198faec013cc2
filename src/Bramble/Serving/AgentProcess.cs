using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Client;
using Bramble.Client.Http;
using Bramble.Configuration;
using Bramble.Supervisor.Joining;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Tunnel;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

/// <summary>An agent, wired. Read <see cref="RunAsync"/> top to bottom: that is the start order. Pods go on when it ends.</summary>
internal sealed class AgentProcess(AgentConfig config, TimeProvider time, ILoggerFactory logs)
{
    private const int KubeletPort = 10250;
    // The ingress' requests have ten seconds of it.
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(15);
    // The first soon: a server that was restarted together with this agent is back in a moment, and pods wait for the cluster DNS.
    private static readonly TimeSpan JoinRetryFirst = TimeSpan.FromMilliseconds(200), JoinRetryLast = TimeSpan.FromSeconds(4);

    private readonly ILogger _log = logs.CreateLogger("agent");
    private bool _hasWarnedOfClock;
    private readonly NodeCredentials _credentials = new(config.Layout);

    public async Task RunAsync(CancellationToken stop)
    {
        IdleMemory.ShareArenas();
        ServerLog.Starting(_log, Product.KubernetesVersion, Product.OwnVersion, config.Layout.Root);
        if (config.Token.CaHash.Length == 0) AgentLog.NotPinned(_log);
        var claim = Claim(config, NodePasswords.OwnPassword());
        using var balancer = new ServerLoadBalancer(
            new IPEndPoint(IPAddress.Loopback, config.LoadBalancerPort), $"{config.Server.Host}:{config.Server.Port.ToString(CultureInfo.InvariantCulture)}",
            Path.Combine(config.Layout.AgentEtc, "k3s-agent-load-balancer.json"), logs.CreateLogger("loadbalancer"));
        if (config.BalancesServers) balancer.Open();

        var (cluster, servers, isCurrent) = await StartAsync(claim, balancer.Servers, stop);
        balancer.SetServers(servers);
        _credentials.WriteKubeconfigs(ApiServer(balancer));
        using var sockets = NodeSockets.Open(config.Layout, time, logs);
        using var running = new RunningParts(time, _log, stop);
        running.Start("idle memory", new IdleMemory(time).RunAsync);
        if (config.BalancesServers) running.Start("load balancer", balancer.RunAsync);
        running.Start("node", cancel => RunNodeAsync(cluster, servers, isCurrent, balancer, claim.Password, sockets, cancel));
        ServiceNotify.Ready();
        try
        {
            await Task.Delay(Timeout.Infinite, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            ServerLog.Stopping(_log);
        }
        ServiceNotify.Stopping();
        await running.StopAsync(StopPatience);
    }

    /// <summary>A server's answer. While none is reached a machine that has joined before goes on with the last one: its pods run and need their network.</summary>
    private async Task<(ClusterSettings Cluster, IReadOnlyList<string> Servers, bool IsCurrent)> StartAsync(NodeClaim claim, IReadOnlyList<string> known, CancellationToken cancel)
    {
        try
        {
            var (cluster, servers) = await FetchAsync(claim, cancel);
            return (cluster, servers, true);
        }
        catch (JoinException unreached) when (unreached.IsUnreached && File.Exists(SettingsPath) && _credentials.AreUsable(time.GetUtcNow()))
        {
            AgentLog.StartsAlone(_log, unreached.Message);
            return (ClusterSettings.Read(JsonNode.Parse(File.ReadAllText(SettingsPath))!.AsObject()), known, false);
        }
        catch (JoinException)
        {
            // Told by the next attempt.
            var (cluster, servers) = await JoinAsync(claim, cancel);
            return (cluster, servers, true);
        }
    }

    private string SettingsPath => Path.Combine(config.Layout.AgentEtc, "cluster.json");

    /// <summary>Asks until a server takes us: it may start later than we do.</summary>
    private async Task<(ClusterSettings Cluster, IReadOnlyList<string> Servers)> JoinAsync(NodeClaim claim, CancellationToken cancel)
    {
        var told = "";
        var retry = JoinRetryFirst;
        while (true)
        {
            try
            {
                return await FetchAsync(claim, cancel);
            }
            catch (JoinException refused)
            {
                if (told != refused.Message) AgentLog.NotJoined(_log, refused.Message);
                told = refused.Message;
                ServiceNotify.Status(refused.Message);
            }
            // Not all agents of a desk at the same moment after a power cut.
            await Task.Delay(retry * (1 + Random.Shared.NextDouble()), time, cancel);
            retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, JoinRetryLast.Ticks));
        }
    }

    private async Task<(ClusterSettings Cluster, IReadOnlyList<string> Servers)> FetchAsync(NodeClaim claim, CancellationToken cancel)
    {
        using var own = _credentials.FindOwn(config.NodeName, time.GetUtcNow());
        using var server = await SupervisorClient.ConnectAsync(config.Server, config.Token, own, time, WarnOfClock, cancel);
        await server.CheckVersionAsync(Product.KubernetesVersion, cancel);
        var cluster = await server.SettingsAsync(cancel);
        await _credentials.FetchAsync(server, claim, cancel);
        var servers = JsonNode.Parse(await server.GetAsync("/v1-k3s/apiservers", cancel)) as JsonArray ?? [];
        SafeFile.WriteIfChanged(SettingsPath, cluster.Write().ToJsonString());
        AgentLog.Joined(_log, config.Server, config.NodeName);
        return (cluster, [.. servers.Select(s => s!.GetValue<string>())]);
    }

    // Once, and not at each attempt to join.
    private void WarnOfClock(int seconds)
    {
        if (!_hasWarnedOfClock) AgentLog.ClockDiffers(_log, seconds);
        _hasWarnedOfClock = true;
    }

    private static NodeClaim Claim(AgentConfig own, string password) => new(own.NodeName, password, [.. own.NodeIps, .. own.NodeExternalIps]);

    /// <summary>The node, made again with new certificates before the old ones end, and when the machine has moved to another address.</summary>
    private async Task RunNodeAsync(ClusterSettings cluster, IReadOnlyList<string> servers, bool isCurrent, ServerLoadBalancer balancer, string password, NodeSockets sockets, CancellationToken cancel)
    {
        var own = config;
        while (true)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var claim = Claim(own, password);
            var node = RunPartsAsync(own.Node(cluster), cluster, servers, balancer, sockets, stop.Token);
            var renewal = new CertificateRenewal(_credentials.NotAfter, token => FetchAsync(claim, token), time, _log).RenewedAsync(stop.Token);
            var moved = own.MovedAsync(cluster, time, stop.Token);
            var changed = ChangedAsync(isCurrent, cluster, claim, stop.Token);
            var first = await Task.WhenAny(node, renewal, moved, changed);
            await stop.CancelAsync();
            await Task.WhenAll(node, renewal, moved, changed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await first;
            if (first == changed) ((cluster, servers), isCurrent) = (await changed, true);
            if (first != moved) continue;
            AgentLog.Moved(_log, string.Join(", ", own.NodeIps), string.Join(", ", (await moved).NodeIps));
            own = await moved;
            // The kubelet's certificate names its addresses.
            await JoinAsync(Claim(own, password), cancel);
        }
    }

    /// <summary>After a start without a server: returns when one is there again and says something else than the last one did.</summary>
    private async Task<(ClusterSettings Cluster, IReadOnlyList<string> Servers)> ChangedAsync(bool isCurrent, ClusterSettings cluster, NodeClaim claim, CancellationToken cancel)
    {
        if (!isCurrent && await JoinAsync(claim, cancel) is var now && now.Cluster.Write().ToJsonString() != cluster.Write().ToJsonString()) return now;
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancel);
        throw new OperationCanceledException(cancel);
    }

    private async Task RunPartsAsync(NodeConfig own, ClusterSettings cluster, IReadOnlyList<string> servers, ServerLoadBalancer balancer, NodeSockets sockets, CancellationToken cancel)
    {
        using var kubelet = ClientAs("client-kubelet", ApiServer(balancer), "kubelet");
        using var controller = ClientAs("client-k3s-controller", ApiServer(balancer), "k3s-agent");
        await using var informers = new Informers(controller, time, logs);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        List<Task> parts =
        [
            // A node writes its own annotations with its own rights; the controller's only read.
            new NodeProcess(own, kubelet, kubelet, informers, Task.CompletedTask, sockets, time, logs).RunAsync(stop.Token),
            FollowServersAsync(own, servers, informers, balancer, stop.Token),
        ];
        var first = await Task.WhenAny(parts);
        await stop.CancelAsync();
        await Task.WhenAll(parts).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
    }

    private Uri ApiServer(ServerLoadBalancer balancer) => config.BalancesServers ? balancer.Url : config.Server;

    private HttpKubeClient ClientAs(string certificate, Uri server, string agent) =>
        new(new HttpKubeClientOptions(server, _credentials.LoadAuthorities("server-ca"), _credentials.Load(certificate), UserAgent: agent));

    /// <summary>A tunnel to every server that the cluster names, and all of them for the load balancer.</summary>
    private async Task FollowServersAsync(NodeConfig own, IReadOnlyList<string> known, IInformers informers, ServerLoadBalancer balancer, CancellationToken cancel)
    {
        var changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        var slices = informers.For(Resources.EndpointSlices);
        using var subscription = slices.Subscribe(change =>
        {
            if (IsApiServers(change.New ?? change.Old!)) changes.Writer.TryWrite(true);
        });
        var tunnel = new AgentTunnel(TunnelTls, new IPEndPoint(own.KubeletAddress, KubeletPort), address => MayReach(own, informers, address), time, logs.CreateLogger("tunnel"));
        var tunnels = new Dictionary<string, (CancellationTokenSource Stop, Task Running)>(StringComparer.Ordinal);
        try
        {
            var servers = known;
            while (true)
            {
                balancer.SetServers(servers);
                if (own.Cluster.EgressSelectorMode != "disabled")
                {
                    foreach (var gone in tunnels.Keys.Except(servers).ToList())
                    {
                        await StopAsync(tunnels[gone]);
                        tunnels.Remove(gone);
                    }
                    foreach (var server in servers.Where(server => !tunnels.ContainsKey(server)))
                    {
                        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                        tunnels[server] = (stop, tunnel.RunAsync(server, isUp => balancer.SetHealth(server, isUp), stop.Token));
                    }
                }
                await changes.Reader.ReadAsync(cancel);
                if (ServersOf(slices.List("default").Where(IsApiServers)) is { Count: > 0 } named) servers = named;
            }
        }
        finally
        {
            foreach (var one in tunnels.Values) await StopAsync(one);
        }
    }

    // In mode "pod" only this node's own.
    private static bool MayReach(NodeConfig own, IInformers informers, IPAddress address) => own.Cluster.EgressSelectorMode switch
    {
        "cluster" => own.Ips.Contains(address) || own.Cluster.ClusterCidrs.Any(network => network.Contains(address)),
        "pod" => own.Ips.Contains(address) || PodNetworks.Of(informers.For(Resources.Nodes).Find(new("", own.Name))).Any(network => network.Contains(address)),
        _ => false,
    };

    private static async Task StopAsync((CancellationTokenSource Stop, Task Running) tunnel)
    {
        await tunnel.Stop.CancelAsync();
        await tunnel.Running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        tunnel.Stop.Dispose();
    }

    private static bool IsApiServers(V1EndpointSlice slice) =>
        slice.Metadata.NamespaceProperty == "default" && slice.Metadata.Labels?.TryGetValue("kubernetes.io/service-name", out var service) == true && service == "kubernetes";

    private static List<string> ServersOf(IEnumerable<V1EndpointSlice> slices) =>
    [
        .. slices.SelectMany(slice => (slice.Endpoints ?? []).Where(e => e.Conditions?.Ready != false).SelectMany(e => e.Addresses ?? [])
            .SelectMany(address => (slice.Ports ?? []).Where(p => p.Port is not null).Select(p => new IPEndPoint(IPAddress.Parse(address), p.Port!.Value).ToString())))
            .Distinct().Order(StringComparer.Ordinal),
    ];

    private SslClientAuthenticationOptions TunnelTls()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.AddRange(_credentials.LoadAuthorities("server-ca"));
        return new SslClientAuthenticationOptions { ClientCertificates = [_credentials.Load("client-kubelet")], CertificateChainPolicy = policy };
    }
}
