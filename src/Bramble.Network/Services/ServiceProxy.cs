using System.Globalization;
using System.Net;
using System.Threading.Channels;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Network.Netlink;
using Bramble.Network.Nftables;
using Bramble.Network.ServiceLoadBalancer;
using Bramble.Network.Services.Health;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Services;

/// <summary>Keeps the kernel's service rules equal to Services, EndpointSlices and the hostPorts of this node's Pods. One loop owns all state; informers
/// only say what changed; changes that come together become one transaction.</summary>
internal sealed class ServiceProxy(NetworkConfig config, IInformers informers, INftables nftables, bool masqueradesNeighbours, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryLast = TimeSpan.FromSeconds(60);

    private readonly Dictionary<NamespacedName, V1Service> _services = [];
    private readonly Dictionary<NamespacedName, Dictionary<string, V1EndpointSlice>> _slices = [];
    private readonly List<RuleSet> _families = [];
    private readonly List<string> _baseRules = [];
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    // Unbounded, but each entry is a reference to what the informer holds anyway, and the loop drains it whole.
    private readonly Channel<Change> _changes = Channel.CreateUnbounded<Change>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ProxyHealth _state = new(time);
    private NodePlace _place = new(config.NodeName, Zone: null) { Ips = config.NodeIps };
    // The node's pod networks, blanks between.
    private string _podCidrs = "";
    private bool _hasNewPodCidrs;

    private abstract record Change
    {
        public sealed record Service(NamespacedName Name, V1Service? Now) : Change;
        public sealed record Slice(V1EndpointSlice? Old, V1EndpointSlice? Now) : Change;
        public sealed record Pod(NamespacedName Name, V1Pod? Now) : Change;
        public sealed record Place(NodePlace Now, string PodCidrs) : Change;
        public sealed record Reload : Change;
    }

    /// <summary>Done when everything the API server knew at the start is in the kernel.</summary>
    public Task Loaded => _loaded.Task;

    /// <summary>Somebody took our tables away (<c>nft flush ruleset</c>): load them again.</summary>
    public void Reload() => _changes.Writer.TryWrite(new Change.Reload());

    public async Task RunAsync(CancellationToken cancel)
    {
        Prepare();
        var ports = _state.Open(config.Proxy, logger);
        using var health = new HealthCheckNodePorts(_state, time, logger);
        try
        {
            await FollowAsync(health, cancel);
        }
        finally
        {
            foreach (var port in ports) port.Dispose();
        }
    }

    private async Task FollowAsync(HealthCheckNodePorts health, CancellationToken cancel)
    {
        using var services = informers.For(Resources.Services).Subscribe(c => _changes.Writer.TryWrite(new Change.Service(c.Name, c.New)));
        using var slices = informers.For(Resources.EndpointSlices).Subscribe(c => _changes.Writer.TryWrite(new Change.Slice(c.Old, c.New)));
        using var pods = informers.ForPodsOf(config.NodeName).Subscribe(NotePod);
        using var nodes = informers.For(Resources.Nodes).Subscribe(NoteNode);
        await Task.WhenAll(
            informers.For(Resources.Services).Synced, informers.For(Resources.EndpointSlices).Synced,
            informers.ForPodsOf(config.NodeName).Synced, informers.For(Resources.Nodes).Synced).WaitAsync(cancel);

        // The first load replaces the tables of the last run in one transaction, so packets never meet half of them.
        var mustReload = true;
        var retry = RetryFirst;
        while (!cancel.IsCancellationRequested)
        {
            mustReload |= Observe(health);
            try
            {
                var started = time.GetTimestamp();
                if (mustReload) LoadAll();
                else LoadChanges();
                _state.Updated([.. _families.Select(family => family.Family == IpFamily.V6 ? "IPv6" : "IPv4")], time.GetElapsedTime(started));
                mustReload = false;
                retry = RetryFirst;
                _loaded.TrySetResult();
                await _changes.Reader.WaitToReadAsync(cancel);
            }
            catch (NftablesException refused) when (!mustReload)
            {
                // Most likely the tables are no longer as we left them: all of it again, at once.
                Log.RefusedCommands(logger, refused.Message + "\n" + refused.Commands);
                _state.Failed();
                mustReload = true;
            }
            catch (NftablesException refused)
            {
                _state.Failed();
                Log.RulesRefused(logger, refused.Message, (int)retry.TotalSeconds);
                Log.RefusedCommands(logger, refused.Commands);
                await Task.Delay(retry, time, cancel);
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, RetryLast.Ticks));
            }
        }
    }

    private void Prepare()
    {
        foreach (var family in new[] { IpFamily.V4, IpFamily.V6 })
        {
            var isUsed = config.ServiceCidrs.Concat(config.ClusterCidrs).Any(c => ServiceFrontEnds.FamilyOf(c.BaseAddress) == family);
            if (!isUsed) continue;
            _families.Add(new RuleSet(family));
            var dns = DnsTarget(family);
            _baseRules.Add(BaseRules.Of(family, new BasePlan(config.ClusterCidrs, config.ServiceCidrs)
            {
                DnsTarget = dns,
                MasqueradesPods = family == IpFamily.V4 || config.MasqueradesIPv6Pods,
                MasqueradesNeighbours = masqueradesNeighbours,
                MasqueradesAll = config.Proxy.MasqueradesAll,
                NodePortAddresses = config.Proxy.NodePortAddresses,
            }));
            if (dns is not null) _families[^1].Set(ClaimRank.ClusterDns, "cluster-dns", ClusterDnsFronts(family));
        }
    }

    private string? DnsTarget(IpFamily family)
    {
        if (config.Disabled.Contains("coredns")) return null;
        var port = config.DnsPort.ToString(CultureInfo.InvariantCulture);
        if (family == IpFamily.V4) return $"127.0.0.1:{port}";
        // There is no way from a pod to ::1, so the server listens on the node's address too.
        return config.NodeIps.FirstOrDefault(ip => ServiceFrontEnds.FamilyOf(ip) == IpFamily.V6) is { } nodeIp ? $"[{nodeIp}]:{port}" : null;
    }

    private Dictionary<FrontKey, FrontEnd> ClusterDnsFronts(IpFamily family)
    {
        var fronts = new Dictionary<FrontKey, FrontEnd>();
        foreach (var protocol in new[] { "udp", "tcp" })
        {
            foreach (var address in config.ClusterDns.Where(a => ServiceFrontEnds.FamilyOf(a) == family))
                fronts[new FrontKey(family, TrafficScope.All, address.ToString(), protocol, 53)] = new FrontEnd(FrontVerdict.ClusterDns, []);
            // What the EndpointSlice of kube-dns names; the LAN must not find an open resolver there.
            foreach (var address in config.NodeIps.Where(a => ServiceFrontEnds.FamilyOf(a) == family))
                fronts[new FrontKey(family, TrafficScope.All, address.ToString(), protocol, config.DnsPort)] = new FrontEnd(FrontVerdict.GuardedClusterDns, []);
        }
        return fronts;
    }

    private void NotePod(ObjectChange<V1Pod> change)
    {
        var isOurs = change.New?.Spec?.NodeName == config.NodeName;
        var wasOurs = change.Old?.Spec?.NodeName == config.NodeName;
        var hasPorts = HasHostPorts(change.New) || HasHostPorts(change.Old);
        if (hasPorts && (isOurs || wasOurs)) _changes.Writer.TryWrite(new Change.Pod(change.Name, isOurs ? change.New : null));
    }

    private void NoteNode(ObjectChange<V1Node> change)
    {
        // Of the others only which of them are load balancers matters here.
        if (change.Name.Name != config.NodeName && NodeAddresses.Labels(change.Old) == NodeAddresses.Labels(change.New)) return;
        var nodes = informers.For(Resources.Nodes);
        var own = change.Name.Name == config.NodeName ? change.New : nodes.Find(new("", config.NodeName));
        _state.NodeIs(own);
        string? zone = null;
        own?.Metadata.Labels?.TryGetValue("topology.kubernetes.io/zone", out zone);
        var podCidrs = own?.Spec?.PodCIDRs is { Count: > 0 } several ? string.Join(' ', several) : own?.Spec?.PodCIDR ?? "";
        var place = new NodePlace(config.NodeName, zone) { Ips = config.NodeIps };
        _changes.Writer.TryWrite(new Change.Place(config.Disabled.Contains("servicelb") ? place : NodeAddresses.Placed(place, own, nodes.List()), podCidrs));
    }

    private static bool HasHostPorts(V1Pod? pod) =>
        pod?.Spec?.Containers?.Concat(pod.Spec.InitContainers ?? []).Any(c => c.Ports?.Any(p => p.HostPort is > 0) == true) == true;

    // Takes in all that has come; true when the tables themselves must be made again.
    private bool Observe(HealthCheckNodePorts health)
    {
        var touched = new HashSet<NamespacedName>();
        var mustReload = false;
        var (serviceChanges, endpointChanges) = (0, 0);
        while (_changes.Reader.TryRead(out var change))
            switch (change)
            {
                case Change.Service(var name, var now):
                    serviceChanges++;
                    if (now is null) _services.Remove(name);
                    else _services[name] = now;
                    touched.Add(name);
                    break;
                case Change.Slice(var old, var now):
                    endpointChanges++;
                    if (old is not null && ServiceOf(old) is { } left && _slices.TryGetValue(left, out var leftSlices))
                    {
                        leftSlices.Remove(old.Metadata.Name);
                        if (leftSlices.Count == 0) _slices.Remove(left);
                        touched.Add(left);
                    }
                    if (now is not null && ServiceOf(now) is { } joined)
                    {
                        if (!_slices.TryGetValue(joined, out var joinedSlices)) _slices[joined] = joinedSlices = [];
                        joinedSlices[now.Metadata.Name] = now;
                        touched.Add(joined);
                    }
                    break;
                case Change.Pod(var name, var now):
                    var fronts = now is null ? [] : PodFrontEnds.Decide(now);
                    foreach (var family in _families) family.Set(ClaimRank.HostPort, name.ToString(), fronts);
                    break;
                case Change.Place(var place, var podCidrs):
                    if (podCidrs != _podCidrs) (_podCidrs, _hasNewPodCidrs) = (podCidrs, true);
                    if (place == _place) break;
                    _place = place;
                    touched.UnionWith(_services.Keys);
                    break;
                case Change.Reload:
                    mustReload = true;
                    break;
            }
        if (touched.Count > 0) _state.Queued(serviceChanges, endpointChanges);
        foreach (var name in touched)
        {
            IReadOnlyCollection<V1EndpointSlice> slices = _slices.TryGetValue(name, out var own) ? own.Values : [];
            var fronts = _services.TryGetValue(name, out var service) ? ServiceFrontEnds.Decide(service, slices, _place) : [];
            health.Set(name, HealthCheckNodePorts.PortOf(service), HealthCheckNodePorts.CountLocal(slices, config.NodeName));
            foreach (var family in _families) family.Set(ClaimRank.Service, name.ToString(), fronts);
        }
        return mustReload;
    }

    private static NamespacedName? ServiceOf(V1EndpointSlice slice) =>
        !ServiceFrontEnds.IsOthers(slice.Metadata) && slice.Metadata.Labels?.TryGetValue("kubernetes.io/service-name", out var service) == true && service.Length > 0
            ? new NamespacedName(slice.Metadata.NamespaceProperty, service)
            : null;

    private void LoadAll()
    {
        for (var i = 0; i < _families.Count; i++)
        {
            foreach (var part in _families[i].TakeAll(_baseRules[i] + LocalPods(_families[i].Family))) nftables.Apply(part);
            // What changed while nobody looked (a restart) is not among the changes: all flows are compared with what is there now.
            var family = _families[i];
            family.TakeStaleFlows();
            using (var conntrack = new ConntrackNetlink()) conntrack.Forget(family.Family == IpFamily.V6, ConntrackNetlink.Udp, flow => family.IsStale(flow));
            Log.RulesLoaded(logger, _families[i].Count, i == 0 ? "first" : "second");
        }
    }

    private void LoadChanges()
    {
        foreach (var family in _families)
        {
            var transaction = (_hasNewPodCidrs ? LocalPods(family.Family) : "") + family.TakeChanges();
            if (transaction.Length > 0) nftables.Apply(transaction);
            ForgetFlows(family.TakeStaleFlows());
        }
        _hasNewPodCidrs = false;
    }

    private string LocalPods(IpFamily family) =>
        BaseRules.LocalPods(family, [.. _podCidrs.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => IPNetwork.TryParse(text, out var cidr) ? cidr : (IPNetwork?)null).OfType<IPNetwork>()]);

    // A UDP client keeps its flow, and with it a backend that is gone, until the kernel forgets it; TCP notices by itself.
    private void ForgetFlows(IReadOnlyList<StaleFlow> stale)
    {
        if (stale.Count == 0) return;
        var byPort = stale.ToLookup(s => s.Front.Port);
        using var conntrack = new ConntrackNetlink();
        foreach (var isV6 in stale.Select(s => s.Front.Family == IpFamily.V6).Distinct().ToList())
            conntrack.Forget(isV6, ConntrackNetlink.Udp, flow => byPort[flow.DestinationPort].Any(s => IsStale(s, flow)));
    }

    private static bool IsStale(in StaleFlow stale, in TrackedFlow flow)
    {
        if (stale.Front.Address.Length > 0 && !flow.Destination.Equals(IPAddress.Parse(stale.Front.Address))) return false;
        // Without a backend to name: flows that were never translated, because they began when there was nobody.
        return stale.Backend is { } backend
            ? flow.ReplySource.Equals(IPAddress.Parse(backend.Address)) && flow.ReplySourcePort == backend.Port
            : flow.ReplySource.Equals(flow.Destination);
    }
}
