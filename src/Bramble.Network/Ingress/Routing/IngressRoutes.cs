using k8s.Models;

namespace Bramble.Network.Ingress.Routing;

/// <summary>The routes of Ingresses. Pure. Sources: the Ingress page of Kubernetes; the annotations are Traefik's and, because charts set them everywhere,
/// the few of ingress-nginx that say how to talk to the backend and whether to send clients to HTTPS.</summary>
internal static class IngressRoutes
{
    private const string Traefik = "traefik.ingress.kubernetes.io/", Nginx = "nginx.ingress.kubernetes.io/";

    /// <summary>Traefik's answer for a service without endpoints.</summary>
    public static readonly RouteAction NoServer = new RouteAction.Answer(503, "no available server\n");

    public static IEnumerable<Route> Decide(IEnumerable<V1Ingress> served, ServiceBackends backends) => served.SelectMany(ingress => RoutesOf(ingress, backends));

    /// <summary>An Ingress that must not be served as it stands, and why: without its middlewares (one may ask for a password) it would be open.</summary>
    public static string? Refusal(V1Ingress ingress) => Annotation(ingress, Traefik + "router.middlewares") is { Length: > 0 } middlewares
        ? $"it names Traefik's middlewares \"{middlewares}\", which Bramble's ingress does not have; use an HTTPRoute's filters, or {Nginx}force-ssl-redirect for a redirect to HTTPS"
        : null;

    private static IEnumerable<Route> RoutesOf(V1Ingress ingress, ServiceBackends backends)
    {
        if (ingress.Spec is not { } spec || Refusal(ingress) is not null) yield break;
        var ns = ingress.Metadata.NamespaceProperty;
        var route = new Route
        {
            Name = $"{ns}-{ingress.Metadata.Name}",
            EntryPoints = EntryPointsOf(ingress),
            CreatedAt = ingress.Metadata.CreationTimestamp ?? default,
            Action = NoServer,
        };
        if (ActionOf(ingress, spec.DefaultBackend, backends) is { } otherwise)
            foreach (var one in Secured(route with { Action = otherwise, IsDefault = true }, ingress, null)) yield return one;
        var order = 0;
        foreach (var rule in spec.Rules ?? [])
        {
            var hosted = route with { Host = HostPattern.Parse(rule.Host) };
            if (rule.Http?.Paths is not { Count: > 0 } paths)
            {
                // A host without paths: all of it goes to the default backend.
                if (ActionOf(ingress, spec.DefaultBackend, backends) is { } all)
                    foreach (var one in Secured(hosted with { Action = all, Order = order++ }, ingress, rule.Host)) yield return one;
                continue;
            }
            foreach (var path in paths)
                // A resource backend (an object that stands for static files, say) is nothing that a proxy could reach.
                if (ActionOf(ingress, path.Backend, backends) is { } action)
                    foreach (var one in Secured(hosted with { Path = PathOf(path), Action = action, Order = order++ }, ingress, rule.Host)) yield return one;
        }
    }

    private static PathMatch PathOf(V1HTTPIngressPath path) => new(
        path.PathType switch { "Exact" => PathKind.Exact, "Prefix" => PathKind.Prefix, _ => PathKind.Characters }, string.IsNullOrEmpty(path.Path) ? "/" : path.Path);

    private static RouteAction? ActionOf(V1Ingress ingress, V1IngressBackend? backend, ServiceBackends backends)
    {
        if (backend?.Service is not { } service) return null;
        var protocol = Annotation(ingress, Nginx + "backend-protocol")?.ToUpperInvariant() switch
        {
            "GRPC" => BackendProtocol.H2c,
            "HTTPS" or "GRPCS" => BackendProtocol.Https,
            "HTTP" => BackendProtocol.Http,
            _ => (BackendProtocol?)null,
        };
        var found = backends.Find(new(ingress.Metadata.NamespaceProperty, service.Name), new BackendPort(service.Port?.Number ?? 0, service.Port?.Name), protocol);
        return found.Pool is { Endpoints.Count: > 0 } pool ? new RouteAction.Forward(WeightedPools.Of(pool)) : NoServer;
    }

    /// <summary>Both ports unless the annotations say otherwise; with <c>router.tls</c> only the one with TLS.</summary>
    private static EntryPoints EntryPointsOf(V1Ingress ingress)
    {
        var entries = EntryPoints.All;
        if (Annotation(ingress, Traefik + "router.entrypoints") is { Length: > 0 } named)
        {
            entries = EntryPoints.None;
            foreach (var name in named.Split(',', StringSplitOptions.TrimEntries))
                entries |= name switch { "web" => EntryPoints.Web, "websecure" => EntryPoints.WebSecure, _ => EntryPoints.None };
        }
        return IsTrue(ingress, Traefik + "router.tls") ? entries & EntryPoints.WebSecure : entries;
    }

    /// <summary>The route itself, or on the port without TLS a redirect in its place.</summary>
    private static IEnumerable<Route> Secured(Route route, V1Ingress ingress, string? host)
    {
        if (RedirectOf(ingress, host) is not { } redirect || !route.EntryPoints.HasFlag(EntryPoints.Web)) return [route];
        return [route with { EntryPoints = EntryPoints.Web, Action = redirect }, route with { EntryPoints = EntryPoints.WebSecure }];
    }

    private static RouteAction.Redirect? RedirectOf(V1Ingress ingress, string? host)
    {
        var hasTls = (ingress.Spec.Tls ?? []).Any(tls => tls.Hosts is not { Count: > 0 } hosts || host is not null && hosts.Contains(host, StringComparer.OrdinalIgnoreCase));
        if (IsTrue(ingress, Nginx + "force-ssl-redirect") || IsTrue(ingress, Nginx + "ssl-redirect") && hasTls) return new RouteAction.Redirect(308) { Scheme = "https" };
        // Traefik 1's annotation, which K3s' older guides have.
        if (Annotation(ingress, Traefik + "redirect-entry-point") == "https") return new RouteAction.Redirect(IsTrue(ingress, Traefik + "redirect-permanent") ? 301 : 302) { Scheme = "https" };
        return null;
    }

    private static string? Annotation(V1Ingress ingress, string key) => ingress.Metadata.Annotations?.TryGetValue(key, out var value) == true ? value : null;

    private static bool IsTrue(V1Ingress ingress, string key) => string.Equals(Annotation(ingress, key), "true", StringComparison.OrdinalIgnoreCase);
}
