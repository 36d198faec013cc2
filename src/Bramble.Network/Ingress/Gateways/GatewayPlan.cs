using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client.GatewayApi;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Ingress.Routing;

namespace Bramble.Network.Ingress.Gateways;

/// <summary>Everything that a decision about Gateways reads.</summary>
/// <param name="LabelsOf">Of a namespace.</param>
/// <param name="HasCertificate">Whether a Secret is there and holds a certificate with its key.</param>
internal sealed record GatewayWorld(
    IReadOnlyList<GatewayClass> Classes, IReadOnlyList<Gateway> Gateways, IReadOnlyList<HttpRoute> Routes, IReadOnlyList<ReferenceGrant> Grants,
    Func<string, IDictionary<string, string>?> LabelsOf, Func<NamespacedName, bool> HasCertificate, IngressPorts Ports)
{
    public static readonly GatewayWorld Empty = new([], [], [], [], _ => null, _ => false, IngressPorts.Default);
}

/// <summary>A condition, without the time of its last change.</summary>
internal sealed record Condition(string Type, bool IsTrue, string Reason, string Message);

/// <summary>What a listener's status says. <c>Kinds</c>: whether HTTPRoute may attach.</summary>
internal sealed record ListenerStatus(string Name, int AttachedRoutes, bool TakesHttpRoutes, IReadOnlyList<Condition> Conditions);

internal sealed record GatewayStatus(Gateway Gateway, IReadOnlyList<Condition> Conditions, IReadOnlyList<ListenerStatus> Listeners);

/// <summary>What a route's status says of one of its parents.</summary>
internal sealed record ParentStatus(ParentReference Parent, IReadOnlyList<Condition> Conditions);

internal sealed record HttpRouteStatus(HttpRoute Route, IReadOnlyList<ParentStatus> Parents);

/// <summary>A certificate that a listener offers, for the listener's name; <c>Hostname</c> null: for the certificate's own names.</summary>
internal sealed record ListenerCertificate(string? Hostname, NamespacedName Secret);

/// <summary>What Gateways, HTTPRoutes and ReferenceGrants come to: routes, certificates, and what is said of them. Pure; nodes use the first two, the server
/// writes the rest. Source: the API types and conformance rules of the Gateway API 1.4, standard channel.</summary>
internal sealed class GatewayPlan
{
    // Traefik's ports inside its pod, which Gateways in K3s name: they are 80 and 443 outside.
    private static readonly IngressPorts TraefikInside = new(8000, 8443);

    private readonly GatewayWorld _world;
    private readonly ServiceBackends _backends;
    private readonly Dictionary<(NamespacedName Gateway, string Listener), int> _attached = [];

    private GatewayPlan(GatewayWorld world, ServiceBackends backends) => (_world, _backends) = (world, backends);

    public List<Route> Routes { get; } = [];
    public List<ListenerCertificate> Certificates { get; } = [];
    public List<GatewayStatus> Gateways { get; } = [];
    public List<HttpRouteStatus> HttpRoutes { get; } = [];

    public static GatewayPlan Decide(GatewayWorld world, ServiceBackends backends)
    {
        var plan = new GatewayPlan(world, backends);
        var classes = world.Classes.Where(c => c.IsServed).Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        var served = world.Gateways.Where(g => classes.Contains(g.ClassName)).ToDictionary(g => g.Name);
        foreach (var route in world.Routes.OrderBy(r => r.Name.Namespace, StringComparer.Ordinal).ThenBy(r => r.Name.Name, StringComparer.Ordinal)) plan.Attach(route, served);
        foreach (var gateway in served.Values) plan.Describe(gateway);
        return plan;
    }

    private void Attach(HttpRoute route, Dictionary<NamespacedName, Gateway> served)
    {
        var parents = route.Parents.Where(p => p is { Group: GatewayKinds.Group, Kind: "Gateway" } && served.ContainsKey(new(p.Namespace ?? route.Name.Namespace, p.Name))).ToList();
        if (parents.Count == 0) return;
        var (rules, refusal, unresolved) = RulesOf(route);
        var statuses = new List<ParentStatus>();
        foreach (var parent in parents)
        {
            var gateway = served[new(parent.Namespace ?? route.Name.Namespace, parent.Name)];
            var accepted = refusal ?? AttachTo(gateway, parent, route, rules);
            var resolved = unresolved ?? new Condition("ResolvedRefs", true, "ResolvedRefs", "All references are resolved");
            statuses.Add(new(parent, [accepted, resolved]));
        }
        HttpRoutes.Add(new(route, statuses));
    }

    private Condition AttachTo(Gateway gateway, ParentReference parent, HttpRoute route, List<Route> rules)
    {
        var named = gateway.Listeners.Where(l => (parent.Section is null || l.Name == parent.Section) && (parent.Port is null || l.Port == parent.Port)).ToList();
        if (named.Count == 0) return new("Accepted", false, "NoMatchingParent", "No listener of the Gateway has this sectionName and port");
        var allowing = named.Where(l => TakesHttpRoutes(l) && IsAllowed(l, gateway, route)).ToList();
        if (allowing.Count == 0) return new("Accepted", false, "NotAllowedByListeners", "No listener of the Gateway allows this route's kind and namespace");
        var isAttached = false;
        foreach (var listener in allowing)
        {
            var hosts = Hostnames.Intersect(listener.Hostname, route.Hostnames);
            if (hosts.Count == 0) continue;
            isAttached = true;
            var key = (gateway.Name, listener.Name);
            _attached[key] = _attached.GetValueOrDefault(key) + 1;
            if (EntryOf(listener) is not { } entry || entry == EntryPoints.WebSecure && !SecretsOf(gateway, listener).Any(_world.HasCertificate)) continue;
            foreach (var host in hosts) Routes.AddRange(rules.Select(rule => rule with { Host = HostPattern.Parse(host, spansLabels: true), EntryPoints = entry }));
        }
        return isAttached
            ? new("Accepted", true, "Accepted", "Route is accepted")
            : new("Accepted", false, "NoMatchingListenerHostname", "No listener's hostname meets one of the route's");
    }

    private (List<Route> Rules, Condition? Refusal, Condition? Unresolved) RulesOf(HttpRoute route)
    {
        Condition? refusal = null, unresolved = null;
        var routes = new List<Route>();
        var order = 0;
        foreach (var rule in route.Rules)
        {
            try
            {
                var (redirect, changes) = RouteRules.Filters(rule.Filters);
                if (rule.Backends.Any(b => b.HasFilters)) throw new FormatException("filters of a backendRef are not supported");
                var timeout = RouteRules.Timeout(rule.RequestTimeout) ?? RouteRules.Timeout(rule.BackendTimeout);
                var pools = rule.Backends.Select(b => (Pool: Resolve(route, b.Target, ref unresolved), b.Weight)).ToList();
                RouteAction action = redirect is not null ? redirect : new RouteAction.Forward(new WeightedPools(pools)) { Changes = changes, Timeout = timeout };
                foreach (var match in rule.Matches.Count > 0 ? rule.Matches : [[]])
                {
                    var (path, method, headers, query) = RouteRules.Match(match);
                    routes.Add(new Route
                    {
                        Name = $"{route.Name.Namespace}-{route.Name.Name}",
                        Path = path,
                        Method = method,
                        Headers = headers,
                        Query = query,
                        Action = action,
                        CreatedAt = route.CreatedAt,
                        Order = order++,
                    });
                }
            }
            catch (FormatException unsupported)
            {
                refusal ??= new("Accepted", false, "UnsupportedValue", unsupported.Message);
            }
        }
        return (refusal is null ? routes : [], refusal, unresolved);
    }

    /// <summary>Null: an invalid reference, whose share of the requests is answered with 500.</summary>
    private BackendPool? Resolve(HttpRoute route, ObjectReference target, ref Condition? unresolved)
    {
        if (target is not { Group: "", Kind: "Service" })
        {
            unresolved ??= new("ResolvedRefs", false, "InvalidKind", $"backendRef {target.Name} is a {target.Kind}; only Services are supported");
            return null;
        }
        if (!ReferenceGrant.Allows(_world.Grants, "HTTPRoute", route.Name.Namespace, target))
        {
            unresolved ??= new("ResolvedRefs", false, "RefNotPermitted", $"backendRef {target.Namespace}/{target.Name} is in another namespace and no ReferenceGrant there permits it");
            return null;
        }
        var name = new NamespacedName(target.Namespace ?? route.Name.Namespace, target.Name);
        var found = _backends.Find(name, new BackendPort(target.Port ?? 0, null));
        if (found.Pool is null) unresolved ??= new("ResolvedRefs", false, "BackendNotFound", found.HasService ? $"Service {name} has no port {target.Port}" : $"Service {name} does not exist");
        return found.Pool;
    }

    private void Describe(Gateway gateway)
    {
        var listeners = gateway.Listeners.Select(l => Describe(gateway, l)).ToList();
        foreach (var listener in gateway.Listeners.Where(l => EntryOf(l) == EntryPoints.WebSecure))
            Certificates.AddRange(SecretsOf(gateway, listener).Select(secret => new ListenerCertificate(string.IsNullOrEmpty(listener.Hostname) ? null : listener.Hostname, secret)));
        var areValid = listeners.TrueForAll(l => l.Conditions.All(c => c.Type == "Conflicted" ? !c.IsTrue : c.IsTrue));
        Gateways.Add(new(gateway,
        [
            new("Accepted", true, areValid ? "Accepted" : "ListenersNotValid", areValid ? "Gateway is accepted" : "One listener or more is not valid"),
            new("Programmed", true, "Programmed", "The nodes serve it"),
        ], listeners));
    }

    private ListenerStatus Describe(Gateway gateway, GatewayListener listener)
    {
        Condition accepted, resolved = new("ResolvedRefs", true, "ResolvedRefs", "All references are resolved");
        if (listener.Protocol is not ("HTTP" or "HTTPS") || listener.TlsMode == "Passthrough")
            accepted = new("Accepted", false, "UnsupportedProtocol", $"Protocol {listener.Protocol}{(listener.TlsMode == "Passthrough" ? " with TLS passthrough" : "")} is not supported; HTTP and HTTPS are");
        else if (EntryOf(listener) is null)
            accepted = new("Accepted", false, "PortUnavailable", $"{listener.Protocol} is served on port {(listener.Protocol == "HTTP" ? _world.Ports.Web : _world.Ports.WebSecure)} only");
        else accepted = new("Accepted", true, "Accepted", "Listener is accepted");
        var wrongKinds = listener.Allowed.Kinds.Where(k => k is not { Group: GatewayKinds.Group, Kind: "HTTPRoute" }).ToList();
        if (wrongKinds.Count > 0) resolved = new("ResolvedRefs", false, "InvalidRouteKinds", $"Routes of kind {wrongKinds[0].Kind} are not supported");
        foreach (var reference in listener.Protocol == "HTTPS" ? listener.Certificates : [])
        {
            if (!resolved.IsTrue) break;
            var secret = new NamespacedName(reference.Namespace ?? gateway.Name.Namespace, reference.Name);
            if (reference is not { Group: "", Kind: "Secret" }) resolved = new("ResolvedRefs", false, "InvalidCertificateRef", $"certificateRef {reference.Name} is a {reference.Kind}, no Secret");
            else if (!ReferenceGrant.Allows(_world.Grants, "Gateway", gateway.Name.Namespace, reference)) resolved = new("ResolvedRefs", false, "RefNotPermitted", $"Secret {secret} is in another namespace and no ReferenceGrant there permits it");
            else if (!_world.HasCertificate(secret)) resolved = new("ResolvedRefs", false, "InvalidCertificateRef", $"Secret {secret} does not exist or holds no certificate with its key");
        }
        var isProgrammed = accepted.IsTrue && resolved.IsTrue;
        return new(listener.Name, _attached.GetValueOrDefault((gateway.Name, listener.Name)), TakesHttpRoutes(listener),
        [
            accepted,
            new("Programmed", isProgrammed, isProgrammed ? "Programmed" : "Invalid", isProgrammed ? "The nodes serve it" : "Listener is not valid"),
            resolved,
            new("Conflicted", false, "NoConflicts", "No other listener wants the same"),
        ]);
    }

    private EntryPoints? EntryOf(GatewayListener listener) => listener.Protocol switch
    {
        "HTTP" when listener.Port == _world.Ports.Web || listener.Port == TraefikInside.Web => EntryPoints.Web,
        "HTTPS" when listener.TlsMode != "Passthrough" && (listener.Port == _world.Ports.WebSecure || listener.Port == TraefikInside.WebSecure) => EntryPoints.WebSecure,
        _ => null,
    };

    private IEnumerable<NamespacedName> SecretsOf(Gateway gateway, GatewayListener listener) => GatewayOwnership.SecretsOf(gateway with { Listeners = [listener] }, _world.Grants);

    private static bool TakesHttpRoutes(GatewayListener listener) =>
        listener.Protocol is "HTTP" or "HTTPS" && (listener.Allowed.Kinds.Count == 0 || listener.Allowed.Kinds.Any(k => k is { Group: GatewayKinds.Group, Kind: "HTTPRoute" }));

    private bool IsAllowed(GatewayListener listener, Gateway gateway, HttpRoute route) => listener.Allowed.From switch
    {
        "All" => true,
        "Selector" => listener.Allowed.Selector is { } selector && LabelSelector.FromObject(selector).Matches(_world.LabelsOf(route.Name.Namespace)),
        _ => route.Name.Namespace == gateway.Name.Namespace,
    };
}
