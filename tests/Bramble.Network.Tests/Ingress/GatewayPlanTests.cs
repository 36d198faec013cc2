using System.Text;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Client.GatewayApi;
using Bramble.Network.Ingress.Gateways;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Ingress.Publishing;
using Bramble.Network.Ingress.Routing;

namespace Bramble.Network.Tests.Ingress;

/// <summary>What Gateways and HTTPRoutes come to: attachment, matching, filters, statuses; after the API's conformance rules.</summary>
public sealed class GatewayPlanTests
{
    private const string Plain = """{"name":"web","port":80,"protocol":"HTTP"}""";
    private const string Host = """{"name":"web","port":80,"protocol":"HTTP","hostname":"*.example"}""";
    private const string Tls = """{"name":"tls","port":443,"protocol":"HTTPS","hostname":"a.example","tls":{"mode":"Terminate","certificateRefs":[{"name":"cert"}]}}""";

    private static string Rule(string matches, string backends = """[{"name":"one","port":80}]""", string filters = "[]") =>
        $$"""{"matches":[{{matches}}],"filters":{{filters}},"backendRefs":{{backends}}}""";

    private static string Prefix(string path, string more = "") => $$"""{"path":{"type":"PathPrefix","value":"{{path}}"}{{more}}}""";

    /// <summary>A route: its rules, its hostnames.</summary>
    private static string Route(string rules, string hostnames = "") => $$"""{"parentRefs":[{"name":"gw"}],"hostnames":[{{hostnames}}],"rules":[{{rules}}]}""";

    public static TheoryData<string, string, string, string, string> Requests => new()
    {
        { "any host", Plain, Route(Rule(Prefix("/"))), "http://a/", "one" },
        { "the listener's hosts", Host, Route(Rule(Prefix("/"))), "http://a.example/", "one" },
        { "a wildcard is several labels here", Host, Route(Rule(Prefix("/"))), "http://b.a.example/", "one" },
        { "not the listener's", Host, Route(Rule(Prefix("/"))), "http://example/", "404" },
        { "the route's within the listener's", Host, Route(Rule(Prefix("/")), "\"a.example\",\"else\""), "http://a.example/", "one" },
        { "and no other of the route's", Host, Route(Rule(Prefix("/")), "\"a.example\",\"else\""), "http://else/", "404" },
        { "a longer prefix", Plain, Route(Rule(Prefix("/")) + "," + Rule(Prefix("/v2"), """[{"name":"two","port":80}]""")), "http://a/v2/x", "two" },
        { "Exact before prefix", Plain, Route(Rule(Prefix("/v2")) + "," + Rule("""{"path":{"type":"Exact","value":"/v2"}}""", """[{"name":"two","port":80}]""")), "http://a/v2", "two" },
        { "an expression", Plain, Route(Rule("""{"path":{"type":"RegularExpression","value":"^/v[0-9]+/"}}""")), "http://a/v12/x", "one" },
        { "a header", Plain, Route(Rule(Prefix("/")) + "," + Rule(Prefix("/", ""","headers":[{"name":"version","value":"2"}]"""), """[{"name":"two","port":80}]""")), "http://a/ version=2", "two" },
        { "another value of it", Plain, Route(Rule(Prefix("/", ""","headers":[{"name":"version","value":"2"}]"""))), "http://a/ version=3", "404" },
        { "a query parameter", Plain, Route(Rule(Prefix("/", ""","queryParams":[{"name":"q","value":"x"}]"""))), "http://a/?p=1&q=x", "one" },
        { "another value of that", Plain, Route(Rule(Prefix("/", ""","queryParams":[{"name":"q","value":"x"}]"""))), "http://a/?q=y", "404" },
        { "a method", Plain, Route(Rule(Prefix("/", ""","method":"POST" """))), "http://a/", "404" },
        { "a method goes before none", Plain, Route(Rule(Prefix("/")) + "," + Rule(Prefix("/", ""","method":"GET" """), """[{"name":"two","port":80}]""")), "http://a/", "two" },
        { "no such service", Plain, Route(Rule(Prefix("/"), """[{"name":"missing","port":80}]""")), "http://a/", "500" },
        { "no such port", Plain, Route(Rule(Prefix("/"), """[{"name":"one","port":81}]""")), "http://a/", "500" },
        { "shares", Plain, Route(Rule(Prefix("/"), """[{"name":"one","port":80},{"name":"two","port":80},{"name":"none","port":80,"weight":0}]""")), "http://a/", "one,two" },
        { "another namespace needs a grant", Plain, Route(Rule(Prefix("/"), """[{"name":"one","namespace":"other","port":80}]""")), "http://a/", "500" },
        { "and has one", Plain, Route(Rule(Prefix("/"), """[{"name":"one","namespace":"granting","port":80}]""")), "http://a/", "one" },
        { "a redirect", Plain, Route(Rule(Prefix("/"), "[]", """[{"type":"RequestRedirect","requestRedirect":{"scheme":"https","statusCode":301}}]""")), "http://a/x?y", "301 https://a/x?y" },
        { "a redirect of prefix, host and port", Plain, Route(Rule(Prefix("/old"), "[]", """[{"type":"RequestRedirect","requestRedirect":{"hostname":"b","port":8080,"path":{"type":"ReplacePrefixMatch","replacePrefixMatch":"/new"}}}]""")), "http://a/old/x", "302 http://b:8080/new/x" },
        { "a filter we do not have closes the route", Plain, Route(Rule(Prefix("/"), filters: """[{"type":"RequestMirror","requestMirror":{"backendRef":{"name":"two","port":80}}}]""")), "http://a/", "404" },
        { "with TLS", Tls, Route(Rule(Prefix("/"))), "https://a.example/", "one" },
        { "only with TLS", Tls, Route(Rule(Prefix("/"))), "http://a.example/", "404" },
        { "Traefik's port inside its pod", """{"name":"web","port":8000,"protocol":"HTTP"}""", Route(Rule(Prefix("/"))), "http://a/", "one" },
        { "a port that is not ours", """{"name":"web","port":8080,"protocol":"HTTP"}""", Route(Rule(Prefix("/"))), "http://a/", "404" },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public void A_request_reaches(string name, string listener, string route, string request, string expected)
    {
        Assert.NotEmpty(name);
        var words = request.Split(' ');
        var headers = words.Skip(1).Select(w => (w.Split('=')[0], w.Split('=')[1])).ToArray();
        Assert.Equal(expected, IngressRoutesTests.Ask(Plan(listener, route).Routes, new Uri(words[0]), headers: headers));
    }

    public static TheoryData<string, string, string, string> Statuses => new()
    {
        { "all well", Plain, Route(Rule(Prefix("/"))), "web 1: Accepted Programmed ResolvedRefs | Accepted ResolvedRefs" },
        { "no listener of that name", Plain, """{"parentRefs":[{"name":"gw","sectionName":"other"}],"rules":[]}""", "web 0: Accepted Programmed ResolvedRefs | !Accepted(NoMatchingParent) ResolvedRefs" },
        { "no host in common", Host, Route(Rule(Prefix("/")), "\"else\""), "web 0: Accepted Programmed ResolvedRefs | !Accepted(NoMatchingListenerHostname) ResolvedRefs" },
        { "another class' Gateway", Plain, """{"parentRefs":[{"name":"foreign"}],"rules":[]}""", "web 0: Accepted Programmed ResolvedRefs |" },
        { "a namespace that may not", """{"name":"web","port":80,"protocol":"HTTP","allowedRoutes":{"namespaces":{"from":"Selector","selector":{"matchLabels":{"team":"b"}}}}}""", Route(Rule(Prefix("/"))), "web 0: Accepted Programmed ResolvedRefs | !Accepted(NotAllowedByListeners) ResolvedRefs" },
        { "a namespace that may", """{"name":"web","port":80,"protocol":"HTTP","allowedRoutes":{"namespaces":{"from":"Selector","selector":{"matchLabels":{"team":"a"}}}}}""", Route(Rule(Prefix("/"))), "web 1: Accepted Programmed ResolvedRefs | Accepted ResolvedRefs" },
        { "a kind that may not", """{"name":"web","port":80,"protocol":"HTTP","allowedRoutes":{"kinds":[{"kind":"GRPCRoute"}]}}""", Route(Rule(Prefix("/"))), "web 0: Accepted !Programmed(Invalid) !ResolvedRefs(InvalidRouteKinds) | !Accepted(NotAllowedByListeners) ResolvedRefs" },
        { "no such service", Plain, Route(Rule(Prefix("/"), """[{"name":"missing","port":80}]""")), "web 1: Accepted Programmed ResolvedRefs | Accepted !ResolvedRefs(BackendNotFound)" },
        { "not granted", Plain, Route(Rule(Prefix("/"), """[{"name":"one","namespace":"other","port":80}]""")), "web 1: Accepted Programmed ResolvedRefs | Accepted !ResolvedRefs(RefNotPermitted)" },
        { "no Service", Plain, Route(Rule(Prefix("/"), """[{"kind":"Thing","group":"x.y","name":"one"}]""")), "web 1: Accepted Programmed ResolvedRefs | Accepted !ResolvedRefs(InvalidKind)" },
        { "a filter we do not have", Plain, Route(Rule(Prefix("/"), filters: """[{"type":"ExtensionRef","extensionRef":{"group":"g","kind":"k","name":"n"}}]""")), "web 0: Accepted Programmed ResolvedRefs | !Accepted(UnsupportedValue) ResolvedRefs" },
        { "a certificate that is not there", Tls.Replace("cert\"}", "none\"}"), Route(Rule(Prefix("/"))), "tls 1: Accepted !Programmed(Invalid) !ResolvedRefs(InvalidCertificateRef) | Accepted ResolvedRefs" },
        { "a certificate of another namespace", Tls.Replace("cert\"}", "cert\",\"namespace\":\"other\"}"), Route(Rule(Prefix("/"))), "tls 1: Accepted !Programmed(Invalid) !ResolvedRefs(RefNotPermitted) | Accepted ResolvedRefs" },
        { "a protocol we do not have", """{"name":"tcp","port":80,"protocol":"TCP"}""", Route(Rule(Prefix("/"))), "tcp 0: !Accepted(UnsupportedProtocol) !Programmed(Invalid) ResolvedRefs | !Accepted(NotAllowedByListeners) ResolvedRefs" },
        { "a port we do not have", """{"name":"web","port":8080,"protocol":"HTTP"}""", Route(Rule(Prefix("/"))), "web 1: !Accepted(PortUnavailable) !Programmed(Invalid) ResolvedRefs | Accepted ResolvedRefs" },
    };

    [Theory]
    [MemberData(nameof(Statuses))]
    public void The_status_says(string name, string listener, string route, string expected)
    {
        Assert.NotEmpty(name);
        var plan = Plan(listener, route);
        var gateway = Assert.Single(plan.Gateways);
        var listeners = gateway.Listeners.Select(l => $"{l.Name} {l.AttachedRoutes}: {Show(l.Conditions.Where(c => c.Type != "Conflicted"))}");
        var routes = plan.HttpRoutes.SelectMany(r => r.Parents).Select(p => " " + Show(p.Conditions));
        Assert.Equal(expected, $"{string.Join("; ", listeners)} |{string.Join(';', routes)}");
    }

    [Fact]
    public void A_condition_keeps_its_time_while_its_status_stays()
    {
        var plan = Plan(Plain, Route(Rule(Prefix("/"))));
        var first = GatewayStatusBodies.Of(plan.Gateways[0], ["192.0.2.1"], null, DateTimeOffset.UnixEpoch);
        var later = GatewayStatusBodies.Of(plan.Gateways[0], ["192.0.2.1"], first, DateTimeOffset.UnixEpoch.AddHours(1));
        Assert.True(JsonNode.DeepEquals(first, later));
        Assert.Equal("1970-01-01T00:00:00Z", (string?)first["conditions"]![0]!["lastTransitionTime"]);
    }

    [Fact]
    public void Another_controllers_parents_stay()
    {
        var others = JsonNode.Parse("""[{"controllerName":"example.com/other","parentRef":{"name":"x"},"conditions":[]}]""");
        var parents = GatewayStatusBodies.Parents(Plan(Plain, Route(Rule(Prefix("/")))).HttpRoutes[0], others, DateTimeOffset.UnixEpoch);
        Assert.Equal("example.com/other traefik.io/gateway-controller", string.Join(' ', parents.Select(p => (string?)p!["controllerName"])));
    }

    [Theory]
    [InlineData("10s", 10_000)]
    [InlineData("1m30s", 90_000)]
    [InlineData("500ms", 500)]
    [InlineData("1h", 3_600_000)]
    [InlineData("0s", null)]
    [InlineData(null, null)]
    public void Durations_are(string? text, int? milliseconds) => Assert.Equal(milliseconds, RouteRules.Timeout(text)?.TotalMilliseconds is { } found ? (int?)found : null);

    [Theory]
    [InlineData("/foo", "/bar", "/foo/x", "/bar/x")]
    [InlineData("/foo", "/bar/", "/foo/x", "/bar/x")]
    [InlineData("/foo/", "/bar", "/foo/x", "/bar/x")]
    [InlineData("/foo", "/bar", "/foo", "/bar")]
    [InlineData("/foo", "/", "/foo/x", "/x")]
    [InlineData("/foo", "/", "/foo", "/")]
    [InlineData("/", "/v1", "/x", "/v1/x")]
    public void A_prefix_is_replaced(string prefix, string replacement, string path, string expected) =>
        Assert.Equal(expected, new PathChange(replacement, IsPrefix: true).Apply(path, new PathMatch(PathKind.Prefix, prefix)));

    [Fact]
    public void The_definitions_are_those_that_are_served() => Assert.Equal(
        "gatewayclasses.gateway.networking.k8s.io gateways.gateway.networking.k8s.io httproutes.gateway.networking.k8s.io referencegrants.gateway.networking.k8s.io",
        string.Join(' ', IngressObjects.Definitions().Select(d => (string?)d["metadata"]!["name"])));

    private static string Show(IEnumerable<Condition> conditions) => string.Join(' ', conditions.Select(c => c.IsTrue ? c.Type : $"!{c.Type}({c.Reason})"));

    private static GatewayPlan Plan(string listener, string route)
    {
        var world = new GatewayWorld(
            [new("traefik", GatewayClass.OwnController, 1), new("foreign", "example.com/other", 1)],
            [Gateway.Read(AGateway("gw", "traefik", listener)), Gateway.Read(AGateway("foreign", "foreign", listener))],
            [HttpRoute.Read(Object("route", route))],
            [ReferenceGrant.Read(Object("grant", """{"from":[{"group":"gateway.networking.k8s.io","kind":"HTTPRoute","namespace":"default"}],"to":[{"group":"","kind":"Service"}]}""", "granting"))],
            _ => new Dictionary<string, string> { ["team"] = "a" }, secret => secret.Name == "cert", IngressPorts.Default);
        return GatewayPlan.Decide(world, IngressRoutesTests.Backends());
    }

    private static KubeObject AGateway(string name, string @class, string listener) => Object(name, $$"""{"gatewayClassName":"{{@class}}","listeners":[{{listener}}]}""");

    private static KubeObject Object(string name, string spec, string ns = "default") =>
        KubeObject.Parse(Encoding.UTF8.GetBytes($$"""{"metadata":{"namespace":"{{ns}}","name":"{{name}}","generation":1},"spec":{{spec}}}"""));
}
