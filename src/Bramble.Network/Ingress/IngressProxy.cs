using System.Net;
using System.Threading.Channels;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Ingresses;
using Bramble.Network.Ingress.Gateways;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Ingress.Routing;
using Bramble.Network.Ingress.Tls;
using Bramble.Network.Services;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Ingress;

/// <summary>The node's ingress in Traefik's place: keeps the route table equal to Ingresses, Gateways, Services, EndpointSlices and Secrets, and serves it.
/// One loop makes tables; each is swapped in whole, and requests that run keep the one they began with.</summary>
/// <param name="definitions">Done when the Gateway API's kinds are served.</param>
/// <param name="secrets">As the node: it may read only the Secrets that served objects name.</param>
internal sealed class IngressProxy(
    NetworkConfig config, IKubeClient secrets, IInformers informers, Task definitions, IngressMetrics metrics, TimeProvider time, ILoggerFactory logs, ILogger logger)
{
    private const string SlicesByService = "ingress/service";

    // What a start waits for at most: Gateways of a cluster without their definitions, certificates of an API server that is away.
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(3);

    /// <summary>On an IngressClass of ours: <c>"true"</c> writes a line a request into the log of every node.</summary>
    internal const string AccessLogAnnotation = "ingress.bramble.io/access-log";

    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly TaskCompletionSource _serving = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IngressState _state = new();
    private readonly HashSet<string> _refused = [];
    private IReadOnlyDictionary<IPEndPoint, BackendEndpoint> _endpoints = new Dictionary<IPEndPoint, BackendEndpoint>();
    // Read by informers' handlers, replaced by the loop.
    private volatile HashSet<NamespacedName> _services = [];

    /// <summary>Done when what the API server knew at the start is served.</summary>
    public Task Serving => _serving.Task;

    public async Task RunAsync(CancellationToken cancel)
    {
        var ingresses = informers.For(Resources.Ingresses);
        var classes = informers.For(Resources.IngressClasses);
        var services = informers.For(Resources.Services);
        var slices = informers.For(Resources.EndpointSlices);
        var nodes = informers.For(Resources.Nodes);
        slices.AddIndex(SlicesByService, slice => ServiceOf(slice) is { } name ? [name.ToString()] : []);
        using var onIngresses = ingresses.Subscribe(_ => Wake());
        using var onClasses = classes.Subscribe(_ => Wake());
        using var onServices = services.Subscribe(change =>
        {
            if (_services.Contains(change.Name)) Wake();
        });
        using var onSlices = slices.Subscribe(change =>
        {
            if (ServiceOf(change.New ?? change.Old!) is { } name && _services.Contains(name)) Wake();
        });
        var namespaces = informers.For(Resources.Namespaces);
        await Task.WhenAll(ingresses.Synced, classes.Synced, services.Synced, slices.Synced, nodes.Synced, namespaces.Synced, definitions).WaitAsync(cancel);
        var gateways = new GatewayObjects(informers);
        using var onGateways = gateways.Subscribe(Wake);
        var usesSelectors = false;
        using var onNamespaces = namespaces.Subscribe(_ =>
        {
            if (usesSelectors) Wake();
        });
        await Task.WhenAny(gateways.Synced, Task.Delay(StartPatience, time, cancel));

        await using var certificates = new TlsSecrets(secrets, Wake, time, logger);
        // Routes first: a client that comes through a kept socket must not meet an empty table.
        await RebuildAsync(cancel);
        await Task.WhenAny(certificates.Read, Task.Delay(StartPatience, time, cancel));
        await RebuildAsync(cancel);
        using var serving = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var stop = new CancellationTokenSource();
        var server = new IngressServer(config.IngressPorts, _state, metrics, config.KeptSockets, time, logs, logger).RunAsync(serving.Token);
        _serving.TrySetResult();
        var following = FollowAsync();
        var first = await Task.WhenAny(server, following);
        // The table follows until the last request has ended.
        await serving.CancelAsync();
        await server.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await stop.CancelAsync();
        await following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
        cancel.ThrowIfCancellationRequested();

        async Task FollowAsync()
        {
            while (true)
            {
                await _changes.Reader.ReadAsync(stop.Token);
                await RebuildAsync(stop.Token);
            }
        }

        async Task RebuildAsync(CancellationToken token)
        {
            var place = new NodePlace(config.NodeName, ZoneOf(nodes.Find(new("", config.NodeName))));
            var backends = new ServiceBackends(services.Find, name => slices.ByIndex(SlicesByService, name.ToString()), place, _endpoints);
            var served = ingresses.List().Where(i => IngressOwnership.IsServed(i, name => classes.Find(new("", name))?.Spec?.Controller)).ToList();
            foreach (var ingress in served) TellRefusal(ingress);
            var world = gateways.World(ns => namespaces.Find(new("", ns))?.Metadata.Labels, name => certificates.Find(name) is not null, config.IngressPorts);
            usesSelectors = world.Gateways.Any(g => g.Listeners.Any(l => l.Allowed.From == "Selector"));
            var plan = GatewayPlan.Decide(world, backends);
            var routes = new RouteTable(IngressRoutes.Decide(served, backends).Concat(plan.Routes));
            var wanted = served.SelectMany(i => IngressOwnership.SecretsOf(i).Select(secret => new NamespacedName(i.Metadata.NamespaceProperty, secret))).ToHashSet();
            var ofIngresses = wanted.Order(NamespacedNameOrder).Select(secret => new ListenerCertificate(null, secret)).ToList();
            wanted.UnionWith(plan.Certificates.Select(c => c.Secret));
            // What changed between the look at a Service that nobody had named before and this line told nobody: look once more.
            if (!backends.Services.IsSubsetOf(_services)) Wake();
            _services = backends.Services;
            _endpoints = backends.Endpoints;
            await certificates.WantAsync(wanted, token);
            // A listener's own name first: its Gateway says which certificate that is.
            var offered = plan.Certificates.Concat(ofIngresses).SelectMany(offer => certificates.Find(offer.Secret) is not { } certificate ? []
                : offer.Hostname is { } host ? [(host, certificate)] : certificate.Names.Select(name => (name, certificate)));
            _state.Current = new IngressSnapshot(routes, new CertificateTable(offered), classes.List().Any(WritesAccessLog));
        }
    }

    private static readonly Comparer<NamespacedName> NamespacedNameOrder = Comparer<NamespacedName>.Create((a, b) => string.CompareOrdinal(a.ToString(), b.ToString()));

    private void Wake() => _changes.Writer.TryWrite(true);

    private void TellRefusal(V1Ingress ingress)
    {
        var name = $"{ingress.Metadata.NamespaceProperty}/{ingress.Metadata.Name}";
        if (IngressRoutes.Refusal(ingress) is not { } reason) _refused.Remove(name);
        else if (_refused.Add(name)) Log.IngressRefused(logger, name, reason);
    }

    private static bool WritesAccessLog(V1IngressClass one) =>
        one.Spec?.Controller == IngressOwnership.Controller && one.Metadata.Annotations?.TryGetValue(AccessLogAnnotation, out var value) == true && value == "true";

    private static string? ZoneOf(V1Node? node) => node?.Metadata.Labels?.TryGetValue("topology.kubernetes.io/zone", out var zone) == true ? zone : null;

    private static NamespacedName? ServiceOf(V1EndpointSlice slice) =>
        slice.Metadata.Labels?.TryGetValue("kubernetes.io/service-name", out var service) == true && service.Length > 0 ? new NamespacedName(slice.Metadata.NamespaceProperty, service) : null;
}
