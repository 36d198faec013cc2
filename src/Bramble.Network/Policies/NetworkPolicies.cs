using System.Net;
using System.Threading.Channels;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Network.Nftables;
using Bramble.Network.PodNetwork;
using Bramble.Network.Services;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Policies;

/// <summary>Keeps the kernel's policy rules equal to NetworkPolicies and the pods they speak of. One loop owns all state; while no policy selects a pod of
/// this node there is no table and no work. A new pod waits in <see cref="PodStartsAsync"/> until its rules are there.</summary>
internal sealed class NetworkPolicies(NetworkConfig config, IInformers informers, INftables nftables, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1), RetryLast = TimeSpan.FromSeconds(30);
    // A static pod must start without an API server, too.
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan EarlyMax = TimeSpan.FromMinutes(10);

    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Lock _gate = new();
    // Pods whose address the kubelet knows and the API does not yet.
    private readonly Dictionary<NamespacedName, (PolicyPod Pod, DateTimeOffset Since)> _early = [];
    private readonly List<TaskCompletionSource> _waiting = [];
    private readonly Dictionary<IpFamily, PolicyTable> _loaded = [];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done when the policies known at the start are in force.</summary>
    public Task Loaded => _first.Task;

    /// <summary>Somebody took our table away: load it again.</summary>
    public void Reload()
    {
        lock (_gate) _loaded.Clear();
        Wake();
    }

    /// <summary>A pod of this node has its address and is about to start: returns when its policies are in force.</summary>
    public async Task PodStartsAsync(V1Pod pod, IReadOnlyList<IPAddress> ips, CancellationToken cancel)
    {
        if (pod.Spec.HostNetwork == true || ips.Count == 0) return;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            var now = time.GetUtcNow();
            foreach (var old in _early.Where(early => now - early.Value.Since > EarlyMax).Select(early => early.Key).ToList()) _early.Remove(old);
            _early[new(pod.Metadata.NamespaceProperty, pod.Metadata.Name)] = (Read(pod, ips), now);
            _waiting.Add(done);
        }
        Wake();
        try
        {
            await done.Task.WaitAsync(StartPatience, time, cancel);
        }
        catch (TimeoutException)
        {
            Log.PolicyLate(logger, pod.Metadata.NamespaceProperty, pod.Metadata.Name, (int)StartPatience.TotalSeconds);
        }
    }

    public async Task RunAsync(CancellationToken cancel)
    {
        var policies = informers.For(Resources.NetworkPolicies);
        var namespaces = informers.For(Resources.Namespaces);
        var nodes = informers.For(Resources.Nodes);
        using var onPolicies = policies.Subscribe(_ => Wake());
        using var onNamespaces = namespaces.Subscribe(change =>
        {
            if (!Same(change.Old?.Metadata.Labels, change.New?.Metadata.Labels)) Wake();
        });
        using var onNodes = nodes.Subscribe(change =>
        {
            if (change.Old is null || change.New is null || change.Old.Spec?.PodCIDR != change.New.Spec?.PodCIDR) Wake();
        });
        await Task.WhenAll(policies.Synced, namespaces.Synced, nodes.Synced).WaitAsync(cancel);
        IDisposable? onPods = null;
        try
        {
            await FollowAsync(policies, namespaces, nodes, pods => onPods = pods, cancel);
        }
        finally
        {
            onPods?.Dispose();
        }
    }

    private async Task FollowAsync(IInformer<V1NetworkPolicy> policies, IInformer<V1Namespace> namespaces, IInformer<V1Node> nodes, Action<IDisposable> subscribed, CancellationToken cancel)
    {
        // A policy may speak of every pod of the cluster; without one a board need not know those of others.
        IInformer<V1Pod>? pods = null;
        var retry = RetryFirst;
        while (true)
        {
            List<TaskCompletionSource> waiting;
            lock (_gate)
            {
                waiting = [.. _waiting];
                _waiting.Clear();
            }
            try
            {
                var all = policies.List();
                if (all.Count > 0 && pods is null)
                {
                    pods = informers.For(Resources.Pods);
                    subscribed(pods.Subscribe(change =>
                    {
                        if (Fingerprint(change.Old) != Fingerprint(change.New)) Wake();
                    }));
                    await pods.Synced.WaitAsync(cancel);
                }
                Load(all.Count == 0 ? null : World(all, pods!, namespaces, nodes));
                foreach (var one in waiting) one.TrySetResult();
                _first.TrySetResult();
                retry = RetryFirst;
                await _changes.Reader.ReadAsync(cancel);
            }
            catch (NftablesException refused)
            {
                lock (_gate)
                {
                    _loaded.Clear();
                    _waiting.AddRange(waiting);
                }
                Log.PoliciesRefused(logger, refused.Message, (int)retry.TotalSeconds);
                Log.RefusedCommands(logger, refused.Commands);
                await Task.Delay(retry, time, cancel);
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, RetryLast.Ticks));
            }
        }
    }

    private void Wake() => _changes.Writer.TryWrite(true);

    private void Load(PolicyWorld? world)
    {
        foreach (var family in new[] { IpFamily.V4, IpFamily.V6 })
        {
            if (!config.ClusterCidrs.Any(c => ServiceFrontEnds.FamilyOf(c.BaseAddress) == family)) continue;
            var wanted = world is null ? new PolicyTable(family == IpFamily.V6 ? "ip6" : "ip") : PolicyRules.Decide(world, family);
            PolicyTable? before;
            lock (_gate) before = _loaded.GetValueOrDefault(family);
            var changes = wanted.ChangesFrom(before);
            if (changes.Length > 0) nftables.Apply(changes);
            lock (_gate) _loaded[family] = wanted;
        }
    }

    private PolicyWorld World(IReadOnlyList<V1NetworkPolicy> policies, IInformer<V1Pod> pods, IInformer<V1Namespace> namespaces, IInformer<V1Node> nodes)
    {
        var known = new Dictionary<NamespacedName, PolicyPod>();
        foreach (var pod in pods.List())
            if (IsMeant(pod) && Addresses(pod) is { Count: > 0 } addresses) known[new(pod.Metadata.NamespaceProperty, pod.Metadata.Name)] = Read(pod, addresses);
        lock (_gate)
            foreach (var (name, (pod, _)) in _early.ToList())
            {
                var isPast = pods.Find(name) is { } seen && !IsMeant(seen);
                if (isPast || known.TryGetValue(name, out var told) && told.Ips.SequenceEqual(pod.Ips)) _early.Remove(name);
                else known[name] = pod;
            }
        return new PolicyWorld(
            policies, [.. known.Values], namespaces.List().ToDictionary(ns => ns.Metadata.Name, IDictionary<string, string>? (ns) => ns.Metadata.Labels, StringComparer.Ordinal),
            config.Disabled.Contains("coredns") ? [] : config.ClusterDns,
            config.Disabled.Contains("traefik") ? [] : [.. nodes.List().SelectMany(IngressAddresses)]);
    }

    private PolicyPod Read(V1Pod pod, IReadOnlyList<IPAddress> addresses) => new(
        new(pod.Metadata.NamespaceProperty, pod.Metadata.Name), pod.Metadata.Labels, addresses, pod.Spec.NodeName == config.NodeName,
        [.. pod.Spec.Containers.Concat(pod.Spec.InitContainers ?? []).SelectMany(c => c.Ports ?? []).Where(p => !string.IsNullOrEmpty(p.Name))
            .Select(p => new PolicyPort(p.Name, (p.Protocol ?? "TCP").ToLowerInvariant(), p.ContainerPort))]);

    private static bool IsMeant(V1Pod pod) => pod.Spec?.HostNetwork != true && pod.Status?.Phase is not ("Succeeded" or "Failed");

    private static List<IPAddress> Addresses(V1Pod pod) =>
        [.. (pod.Status?.PodIPs is { Count: > 0 } all ? all.Select(string? (ip) => ip.Ip) : [pod.Status?.PodIP]).Select(text => IPAddress.TryParse(text, out var ip) ? ip : null).OfType<IPAddress>()];

    // A node's own packets to pods elsewhere leave with the tunnel's address; host-gw's with the node's.
    private static IEnumerable<IPAddress> IngressAddresses(V1Node node)
    {
        foreach (var cidr in node.Spec?.PodCIDRs is { Count: > 0 } several ? several : node.Spec?.PodCIDR is { } one ? [one] : [])
            if (IPNetwork.TryParse(cidr, out var range))
            {
                yield return range.BaseAddress;
                yield return CniConfiguration.Gateway(range);
            }
        foreach (var address in node.Status?.Addresses ?? [])
            if (address.Type == "InternalIP" && IPAddress.TryParse(address.Address, out var ip)) yield return ip;
    }

    private static string Fingerprint(V1Pod? pod) => pod is null ? "" : string.Join('|',
        pod.Spec?.NodeName, IsMeant(pod), string.Join(',', Addresses(pod)), string.Join(',', (pod.Metadata.Labels ?? new Dictionary<string, string>()).Select(l => l.Key + "=" + l.Value)));

    private static bool Same(IDictionary<string, string>? a, IDictionary<string, string>? b) =>
        a is not null && b is not null && a.Count == b.Count && a.All(pair => b.TryGetValue(pair.Key, out var value) && value == pair.Value);
}
