using System.Globalization;
using System.Net;
using Bramble.Api.Naming;
using Bramble.Network.Services;
using k8s.Models;

namespace Bramble.Network.Ingress.Routing;

/// <summary>A Service's port as Ingresses (number or name) and HTTPRoutes (number) name it.</summary>
internal readonly record struct BackendPort(int Number, string? Name)
{
    public override string ToString() => Name ?? Number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What an attempt to find a Service's port came to; <c>Pool</c> null: there is no such Service or port.</summary>
internal readonly record struct FoundBackend(BackendPool? Pool, bool HasService);

/// <summary>Makes the pools of one table out of Services and EndpointSlices: connections go to pods' addresses, not through the service's. Used by one task,
/// for one table.</summary>
internal sealed class ServiceBackends(
    Func<NamespacedName, V1Service?> service, Func<NamespacedName, IReadOnlyCollection<V1EndpointSlice>> slices, NodePlace place, IReadOnlyDictionary<IPEndPoint, BackendEndpoint> before)
{
    private const string SchemeAnnotation = "traefik.ingress.kubernetes.io/service.serversscheme";

    private readonly Dictionary<(NamespacedName, BackendPort, BackendProtocol?), FoundBackend> _found = [];

    /// <summary>Every endpoint of the table; those that the table before had are the same objects, with their counts.</summary>
    public Dictionary<IPEndPoint, BackendEndpoint> Endpoints { get; } = [];

    /// <summary>Every Service that was asked for, also those that are not there: a change of one makes a new table.</summary>
    public HashSet<NamespacedName> Services { get; } = [];

    /// <param name="protocol">Null: what the Service says.</param>
    public FoundBackend Find(NamespacedName name, BackendPort port, BackendProtocol? protocol = null)
    {
        Services.Add(name);
        if (_found.TryGetValue((name, port, protocol), out var known)) return known;
        var found = Make(name, port, protocol);
        _found.Add((name, port, protocol), found);
        return found;
    }

    private FoundBackend Make(NamespacedName name, BackendPort wanted, BackendProtocol? protocol)
    {
        // An ExternalName could lead anywhere, also to what only the node may reach; Traefik does not follow it either unless told to.
        if (service(name) is not { } found || found.Spec?.Type == "ExternalName") return new(null, false);
        var port = (found.Spec?.Ports ?? []).FirstOrDefault(p => wanted.Name is { Length: > 0 } called ? p.Name == called : p.Port == wanted.Number);
        if (port is null) return new(null, true);
        var own = slices(name);
        var chosen = EndpointChoice.Of(own, IpFamily.V4, port, place).Cluster;
        if (chosen.Count == 0) chosen = EndpointChoice.Of(own, IpFamily.V6, port, place).Cluster;
        return new(new BackendPool($"{name.Namespace}-{name.Name}-{wanted}", protocol ?? ProtocolOf(found, port), [.. chosen.Select(Endpoint)]), true);
    }

    private BackendEndpoint Endpoint(Backend backend)
    {
        var address = new IPEndPoint(IPAddress.Parse(backend.Address), backend.Port);
        if (Endpoints.TryGetValue(address, out var mine)) return mine;
        var endpoint = before.TryGetValue(address, out var known) ? known : new BackendEndpoint(address);
        Endpoints.Add(address, endpoint);
        return endpoint;
    }

    /// <summary>KEP-3726's application protocols and Traefik's rules: its annotation, port 443, a port's name that begins with https.</summary>
    private static BackendProtocol ProtocolOf(V1Service service, V1ServicePort port)
    {
        string? scheme = null;
        service.Metadata.Annotations?.TryGetValue(SchemeAnnotation, out scheme);
        return (scheme ?? port.AppProtocol) switch
        {
            "h2c" or "kubernetes.io/h2c" or "grpc" => BackendProtocol.H2c,
            "https" or "kubernetes.io/wss" => BackendProtocol.Https,
            "http" or "kubernetes.io/ws" => BackendProtocol.Http,
            _ => port.Port == 443 || port.Name?.StartsWith("https", StringComparison.Ordinal) == true ? BackendProtocol.Https : BackendProtocol.Http,
        };
    }
}
