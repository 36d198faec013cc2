using System.Net;
using System.Threading.Channels;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Network.Dns.Custom;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Dns;

/// <summary>The cluster DNS of this node: keeps the names current from the informers and serves them. Source: Kubernetes DNS-Based Service Discovery 1.1.0.</summary>
internal sealed class ClusterDns(NetworkConfig config, IInformers informers, TimeProvider time, ILogger logger)
{
    private static readonly NamespacedName CustomName = new("kube-system", "coredns-custom");
    private static readonly TimeSpan NamesPatience = TimeSpan.FromSeconds(1.5);

    private readonly NameTable _names = new();
    private readonly TaskCompletionSource _serving = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<Action> _changes = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<NamespacedName, V1Service> _services = [];
    private readonly Dictionary<NamespacedName, Dictionary<string, V1EndpointSlice>> _slices = [];
    private readonly HashSet<NamespacedName> _touched = [];

    /// <summary>Done when it answers with what the API server knew at the start.</summary>
    public Task Serving => _serving.Task;

    public async Task RunAsync(CancellationToken cancel)
    {
        var zone = config.ClusterDomain.TrimEnd('.').ToLowerInvariant();
        _names.Set("zone", ClusterNames.OfZone(zone, config.ClusterDns));
        // Asking ourselves would never end.
        var upstream = new Upstream(config.UpstreamResolvConf, config.ClusterDns, time, logger);
        var answers = new ClusterAnswers(_names, zone, [.. config.ClusterCidrs, .. config.ServiceCidrs]) { Known = _serving.Task };
        var servers = ListenAddresses().Select(a => new DnsServer(a, answers, upstream, config.KeptSockets, time, logger)).ToList();
        try
        {
            foreach (var server in servers) server.Open();
            _ = upstream.Servers(cancel);
            using var custom = informers.ForOne(Resources.ConfigMaps, CustomName).Subscribe(change =>
            {
                if (change.Name == CustomName) SetCustom(change.New, answers, servers);
            });
            using var hosts = informers.ForOne(Resources.ConfigMaps, NodeHosts.MapName).Subscribe(change =>
            {
                if (change.Name == NodeHosts.MapName) _changes.Writer.TryWrite(() => _names.Set("hosts", NodeHosts.Read(change.New?.Data?.TryGetValue(NodeHosts.Key, out var text) == true ? text : null)));
            });
            List<Task> running = [KeepNamesAsync(zone, cancel), .. servers.Select(ServeAsync)];
            await foreach (var ended in Task.WhenEach(running)) await ended;
        }
        finally
        {
            foreach (var server in servers) server.Dispose();
        }

        // What was asked since the last run waits in the socket until the names are there, which takes a moment; without an API server not for ever,
        // because names of elsewhere need none (those of the cluster go on waiting).
        async Task ServeAsync(DnsServer server)
        {
            await Task.WhenAny(_serving.Task, Task.Delay(NamesPatience, time, cancel));
            await server.RunAsync(cancel);
        }
    }

    private void SetCustom(V1ConfigMap? map, ClusterAnswers answers, List<DnsServer> servers)
    {
        var custom = map?.Data is { } data ? CustomDns.Read(data.AsReadOnly()) : CustomDns.None;
        foreach (var refused in custom.Refused) Log.CustomDnsRefused(logger, refused);
        _changes.Writer.TryWrite(() => _names.Set("custom", custom.Hosts));
        answers.Custom = custom;
        foreach (var server in servers) server.ForgetAnswers();
    }

    private IEnumerable<IPEndPoint> ListenAddresses()
    {
        yield return new IPEndPoint(IPAddress.Loopback, config.DnsPort);
        // Pods cannot be sent to ::1, so for IPv6 it is the node's address; the rules let only pods and nodes there.
        if (config.ClusterDns.Any(a => a.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6))
            foreach (var address in config.NodeIps.Where(a => a.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6))
                yield return new IPEndPoint(address, config.DnsPort);
    }

    private async Task KeepNamesAsync(string zone, CancellationToken cancel)
    {
        using var services = informers.For(Resources.Services).Subscribe(c => _changes.Writer.TryWrite(() => NoteService(c)));
        using var slices = informers.For(Resources.EndpointSlices).Subscribe(c => _changes.Writer.TryWrite(() => NoteSlice(c)));
        using var namespaces = informers.For(Resources.Namespaces).Subscribe(c =>
            _changes.Writer.TryWrite(() => _names.Set("namespace/" + c.Name.Name, c.New is null ? [] : ClusterNames.OfNamespace(c.Name.Name, zone))));
        using var nodes = informers.For(Resources.Nodes).Subscribe(c =>
            _changes.Writer.TryWrite(() => _names.Set("node/" + c.Name.Name, c.New is null ? [] : ClusterNames.OfNode(c.New))));
        await Task.WhenAll(
            informers.For(Resources.Services).Synced, informers.For(Resources.EndpointSlices).Synced,
            informers.For(Resources.Namespaces).Synced, informers.For(Resources.Nodes).Synced, informers.ForOne(Resources.ConfigMaps, CustomName).Synced).WaitAsync(cancel);
        do
        {
            while (_changes.Reader.TryRead(out var change)) change();
            foreach (var name in _touched)
                _names.Set("service/" + name, _services.TryGetValue(name, out var service)
                    ? ClusterNames.OfService(service, _slices.TryGetValue(name, out var own) ? own.Values : [], zone)
                    : []);
            _touched.Clear();
            _serving.TrySetResult();
        } while (await _changes.Reader.WaitToReadAsync(cancel));
    }

    private void NoteService(ObjectChange<V1Service> change)
    {
        if (change.New is null) _services.Remove(change.Name);
        else _services[change.Name] = change.New;
        _touched.Add(change.Name);
    }

    private void NoteSlice(ObjectChange<V1EndpointSlice> change)
    {
        if (change.Old is not null && ServiceOf(change.Old) is { } left && _slices.TryGetValue(left, out var leftSlices))
        {
            leftSlices.Remove(change.Name.Name);
            if (leftSlices.Count == 0) _slices.Remove(left);
            _touched.Add(left);
        }
        if (change.New is not null && ServiceOf(change.New) is { } joined)
        {
            if (!_slices.TryGetValue(joined, out var joinedSlices)) _slices[joined] = joinedSlices = [];
            joinedSlices[change.Name.Name] = change.New;
            _touched.Add(joined);
        }
    }

    private static NamespacedName? ServiceOf(V1EndpointSlice slice) =>
        slice.Metadata.Labels?.TryGetValue("kubernetes.io/service-name", out var service) == true && service.Length > 0
            ? new NamespacedName(slice.Metadata.NamespaceProperty, service)
            : null;
}
