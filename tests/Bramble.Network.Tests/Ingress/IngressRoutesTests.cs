using Bramble.Api.Naming;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Ingress.Routing;
using Bramble.Network.Services;
using Bramble.Network.Tests.Support;
using k8s.Models;
using Microsoft.AspNetCore.Http;

namespace Bramble.Network.Tests.Ingress;

/// <summary>Which backend a request reaches: hosts, paths and their precedence as the Ingress page has them, Traefik's entry points and answers.</summary>
public sealed class IngressRoutesTests
{
    private static V1Ingress An(string name, string? host, params (string Type, string Path, string Service)[] paths) => new()
    {
        Metadata = new() { Name = name, NamespaceProperty = "default", CreationTimestamp = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), Annotations = new Dictionary<string, string>() },
        Spec = new()
        {
            Rules = [new() { Host = host, Http = new() { Paths = [.. paths.Select(p => new V1HTTPIngressPath { Path = p.Path, PathType = p.Type, Backend = To(p.Service) })] } }],
        },
    };

    private static V1IngressBackend To(string service) => new() { Service = new() { Name = service, Port = new() { Number = 80 } } };

    private static V1Ingress With(V1Ingress ingress, string key, string value)
    {
        ingress.Metadata.Annotations[key] = value;
        return ingress;
    }

    private static V1Ingress Default(V1Ingress ingress, string service)
    {
        ingress.Spec.DefaultBackend = To(service);
        return ingress;
    }

    private static V1Ingress Tls(V1Ingress ingress, params string[] hosts)
    {
        ingress.Spec.Tls = [new() { Hosts = hosts, SecretName = "cert" }];
        return ingress;
    }

    private static V1Ingress Older(V1Ingress ingress)
    {
        ingress.Metadata.CreationTimestamp = new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        return ingress;
    }

    public static TheoryData<string, V1Ingress[], string, string> Cases => new()
    {
        { "no Ingress", [], "http://a/", "404" },
        { "its host", [An("i", "a.example", ("Prefix", "/", "one"))], "http://a.example/x", "one" },
        { "another host", [An("i", "a.example", ("Prefix", "/", "one"))], "http://b.example/x", "404" },
        { "hosts have no case, and a port is no part of them", [An("i", "a.example", ("Prefix", "/", "one"))], "http://A.Example:8080/", "one" },
        { "a final dot names the same host", [An("i", "a.example", ("Prefix", "/", "one"))], "http://a.example./", "one" },
        { "a wildcard is one label", [An("i", "*.example", ("Prefix", "/", "one"))], "http://a.example/", "one" },
        { "and not two", [An("i", "*.example", ("Prefix", "/", "one"))], "http://b.a.example/", "404" },
        { "and not none", [An("i", "*.example", ("Prefix", "/", "one"))], "http://example/", "404" },
        { "a host goes before a wildcard", [An("i", "*.example", ("Prefix", "/x", "two")), An("j", "a.example", ("Prefix", "/", "one"))], "http://a.example/x", "one" },
        { "where the host has no such path, the wildcard has its turn", [An("i", "*.example", ("Prefix", "/", "two")), An("j", "a.example", ("Prefix", "/x", "one"))], "http://a.example/y", "two" },
        { "no host is any host", [An("i", null, ("Prefix", "/", "one"))], "http://anything/", "one" },
        { "Prefix is whole elements", [An("i", "a", ("Prefix", "/foo", "one"))], "http://a/foo/bar", "one" },
        { "Prefix: not the half of one", [An("i", "a", ("Prefix", "/foo", "one"))], "http://a/foobar", "404" },
        { "Prefix: a final slash does not count", [An("i", "a", ("Prefix", "/foo/", "one"))], "http://a/foo", "one" },
        { "Exact", [An("i", "a", ("Exact", "/foo", "one"))], "http://a/foo", "one" },
        { "Exact: nothing behind it", [An("i", "a", ("Exact", "/foo", "one"))], "http://a/foo/", "404" },
        { "Exact: case counts", [An("i", "a", ("Exact", "/foo", "one"))], "http://a/FOO", "404" },
        { "ImplementationSpecific is characters, as in Traefik", [An("i", "a", ("ImplementationSpecific", "/foo", "one"))], "http://a/foobar", "one" },
        { "the longest path wins", [An("i", "a", ("Prefix", "/", "one"), ("Prefix", "/aaa/bbb", "three"), ("Prefix", "/aaa", "two"))], "http://a/aaa/bbb/ccc", "three" },
        { "Exact before Prefix of the same length", [An("i", "a", ("Prefix", "/foo", "one"), ("Exact", "/foo", "two"))], "http://a/foo", "two" },
        { "the older of two equal ones", [An("i", "a", ("Prefix", "/", "one")), Older(An("j", "a", ("Prefix", "/", "two")))], "http://a/", "two" },
        { "of one age the first by name", [An("j", "a", ("Prefix", "/", "two")), An("i", "a", ("Prefix", "/", "one"))], "http://a/", "one" },
        { "the default backend", [Default(An("i", "a", ("Prefix", "/x", "one")), "two")], "http://b/y", "two" },
        { "every rule goes before a default backend", [Default(An("i", "b", ("Prefix", "/x", "one")), "two"), An("j", null, ("Prefix", "/", "three"))], "http://c/", "three" },
        { "a service that is not there", [An("i", "a", ("Prefix", "/", "missing"))], "http://a/", "503" },
        { "a service without endpoints", [An("i", "a", ("Prefix", "/", "empty"))], "http://a/", "503" },
        { "served with TLS too", [An("i", "a", ("Prefix", "/", "one"))], "https://a/", "one" },
        { "only websecure", [With(An("i", "a", ("Prefix", "/", "one")), "traefik.ingress.kubernetes.io/router.entrypoints", "websecure")], "http://a/", "404" },
        { "only web", [With(An("i", "a", ("Prefix", "/", "one")), "traefik.ingress.kubernetes.io/router.entrypoints", "web")], "https://a/", "404" },
        { "router.tls wants TLS", [With(An("i", "a", ("Prefix", "/", "one")), "traefik.ingress.kubernetes.io/router.tls", "true")], "http://a/", "404" },
        { "force-ssl-redirect", [With(An("i", "a", ("Prefix", "/", "one")), "nginx.ingress.kubernetes.io/force-ssl-redirect", "true")], "http://a/x?y=1", "308 https://a/x?y=1" },
        { "ssl-redirect with TLS", [Tls(With(An("i", "a", ("Prefix", "/", "one")), "nginx.ingress.kubernetes.io/ssl-redirect", "true"), "a")], "http://a:80/", "308 https://a/" },
        { "ssl-redirect without TLS", [With(An("i", "a", ("Prefix", "/", "one")), "nginx.ingress.kubernetes.io/ssl-redirect", "true")], "http://a/", "one" },
        { "redirected no second time", [With(An("i", "a", ("Prefix", "/", "one")), "nginx.ingress.kubernetes.io/force-ssl-redirect", "true")], "https://a/", "one" },
        { "a certificate's challenge goes before the redirect", [With(An("i", "a", ("Prefix", "/", "one")), "nginx.ingress.kubernetes.io/force-ssl-redirect", "true"), An("acme", "a", ("Exact", "/.well-known/acme-challenge/t", "two"))], "http://a/.well-known/acme-challenge/t", "two" },
        { "middlewares we do not have close the route rather than open it", [With(An("i", "a", ("Prefix", "/", "one")), "traefik.ingress.kubernetes.io/router.middlewares", "default-auth@kubernetescrd")], "http://a/", "404" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_request_reaches(string name, V1Ingress[] ingresses, string url, string expected)
    {
        Assert.NotEmpty(name);
        Assert.Equal(expected, Ask(IngressRoutes.Decide(ingresses, Backends()), new Uri(url)));
    }

    [Fact]
    public void An_endpoint_keeps_its_counts_when_the_table_changes()
    {
        var first = Backends();
        var endpoint = Assert.Single(first.Find(new("default", "one"), new(80, null)).Pool!.Endpoints);
        endpoint.Enter();
        var second = new ServiceBackends(Service, Slices, new NodePlace(Make.Node, null), first.Endpoints);
        Assert.Same(endpoint, Assert.Single(second.Find(new("default", "one"), new(80, null)).Pool!.Endpoints));
    }

    [Fact]
    public void A_pod_that_refused_rests_and_a_busy_one_gets_less()
    {
        var (a, b, c) = (End(1), End(2), End(3));
        var pool = new BackendPool("p", BackendProtocol.Http, [a, b, c]);
        a.RestUntil(100);
        for (var i = 0; i < 6; i++) Assert.NotSame(a, pool.Pick([], 50));
        b.Enter();
        for (var i = 0; i < 6; i++) Assert.Same(c, pool.Pick([a], 50));
        // Better one that refused than nobody.
        Assert.Same(a, pool.Pick([b, c], 50));
        Assert.Null(pool.Pick([a, b, c], 200));

        static BackendEndpoint End(int last) => new(new(System.Net.IPAddress.Parse($"10.42.0.{last}"), 80));
    }

    [Fact]
    public void Weights_share_the_requests()
    {
        var (a, b) = (new BackendPool("a", BackendProtocol.Http, []), new BackendPool("b", BackendProtocol.Http, []));
        var pools = new WeightedPools([(a, 90), (b, 10), (null, 0)]);
        var counts = Enumerable.Range(0, 1000).Select(_ => pools.Pick()).CountBy(p => p!.Name).ToDictionary();
        Assert.InRange(counts["a"], 880, 920);
        Assert.InRange(counts["b"], 80, 120);
    }

    internal static string Ask(IEnumerable<Route> routes, Uri url, string method = "GET", params (string Name, string Value)[] headers)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = method;
        http.Request.Scheme = url.Scheme;
        // Uri would take the final dot away.
        http.Request.Host = new HostString(url.OriginalString.Split('/')[2]);
        http.Request.Path = url.AbsolutePath;
        http.Request.QueryString = new QueryString(url.Query);
        foreach (var (key, value) in headers) http.Request.Headers[key] = value;
        var route = new RouteTable(routes).Find(http.Request, url.Scheme == "https" ? EntryPoints.WebSecure : EntryPoints.Web);
        return route?.Action switch
        {
            RouteAction.Forward forward => string.Join(',', forward.Pools.All.Select(p => p is null ? "500" : p.Name.Split('-')[1])),
            RouteAction.Redirect redirect => $"{redirect.Status} {Redirection.Location(http.Request, redirect, route.Path)}",
            RouteAction.Answer answer => answer.Status.ToString(),
            _ => "404",
        };
    }

    internal static ServiceBackends Backends() => new(Service, Slices, new NodePlace(Make.Node, null), new Dictionary<System.Net.IPEndPoint, BackendEndpoint>());

    private static V1Service? Service(NamespacedName name) => name.Name == "missing" ? null : Make.Service(name.Name, "10.43.0.9", Make.Port(80));

    private static IReadOnlyCollection<V1EndpointSlice> Slices(NamespacedName name) =>
        name.Name == "empty" ? [] : [Make.Slice(name.Name, 8080, Make.Endpoint("10.42.0." + name.Name.Length))];
}
