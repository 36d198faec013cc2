using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Endpoints;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Endpoints;

public sealed class EndpointsPlanTests
{
    private const string Selector = "\"selector\":{\"app\":\"s\"}";
    private const string Web = Selector + ",\"clusterIP\":\"10.43.0.1\",\"ports\":[{\"name\":\"http\",\"port\":80,\"protocol\":\"TCP\",\"targetPort\":8080}]";
    private const string Headless = Selector + ",\"clusterIP\":\"None\"";
    private const string Managed = "endpoints.kubernetes.io/managed-by=endpoint-controller";

    /// <param name="spec">Of the Service; null: there is none.</param>
    /// <param name="isThere">Endpoints of its name are.</param>
    [Theory]
    [InlineData("nothing", null, false, "keep")]
    [InlineData("the Service is gone", null, true, "delete")]
    [InlineData("new", Web, false, "create")]
    [InlineData("new and headless", Headless, false, "create")]
    [InlineData("there, and not as it should be", Web, true, "update")]
    [InlineData("without a selector", "\"clusterIP\":\"10.43.0.1\"", false, "keep")]
    [InlineData("without a selector, somebody made them by hand", "\"clusterIP\":\"10.43.0.1\"", true, "keep")]
    [InlineData("an empty selector is none", "\"selector\":{},\"clusterIP\":\"10.43.0.1\"", true, "keep")]
    [InlineData("a name for something else", Selector + ",\"type\":\"ExternalName\",\"externalName\":\"example.com\"", false, "keep")]
    [InlineData("a name for something else, and they are there", Selector + ",\"type\":\"ExternalName\",\"externalName\":\"example.com\"", true, "keep")]
    [InlineData("of a node port", Web + ",\"type\":\"NodePort\"", false, "create")]
    public void Whose(string because, string? spec, bool isThere, string expected)
    {
        Assert.NotEmpty(because);
        var service = spec is null ? null : Service(spec);
        Assert.Equal(expected, Verb(EndpointsPlan.Decide(service, Pods("a 10.0.0.1"), isThere ? Known("""{"metadata":{"name":"s","namespace":"d"}}""") : null, null)));
        Assert.Equal(expected is "create" or "update", EndpointsPlan.IsMadeFor(service));
    }

    /// <param name="pods">Name and addresses; "!": not ready, "-": going, "+": finished.</param>
    /// <param name="expected">Each subset's addresses ("!": not ready) and ports.</param>
    [Theory]
    [InlineData("no Pods", Web, "", "")]
    [InlineData("ready and not", Web, "a 10.0.0.1,!b 10.0.0.2", "10.0.0.1 !10.0.0.2: http 8080/TCP")]
    [InlineData("in the order of their addresses", Web, "a 10.0.0.2,b 10.0.0.1", "10.0.0.1 10.0.0.2: http 8080/TCP")]
    [InlineData("one that goes is left out", Web, "a 10.0.0.1,-b 10.0.0.2", "10.0.0.1: http 8080/TCP")]
    [InlineData("the last one that goes too", Web, "-a 10.0.0.1", "")]
    [InlineData("where all are wanted, not ready is ready", Web + ",\"publishNotReadyAddresses\":true", "!a 10.0.0.1,-b 10.0.0.2", "10.0.0.1 10.0.0.2: http 8080/TCP")]
    [InlineData("finished, even where all are wanted", Web + ",\"publishNotReadyAddresses\":true", "+a 10.0.0.1", "")]
    [InlineData("without an address yet", Web, "a", "")]
    [InlineData("of the Service's first family", Web + ",\"ipFamilies\":[\"IPv6\",\"IPv4\"]", "a 10.0.0.1 fd00::1", "fd00::1: http 8080/TCP")]
    [InlineData("not one of the second family only", Web + ",\"ipFamilies\":[\"IPv4\",\"IPv6\"]", "a fd00::1", "")]
    [InlineData("of the Service's address, which says the family", Selector + ",\"clusterIP\":\"fd43::1\",\"ports\":[{\"port\":80}]", "a 10.0.0.1 fd00::1", "fd00::1:  80/TCP")]
    [InlineData("headless without ports", Headless, "a 10.0.0.1,!b 10.0.0.2", "10.0.0.1 !10.0.0.2:")]
    [InlineData("headless with ports", Headless + ",\"ports\":[{\"port\":53,\"protocol\":\"UDP\"}]", "a 10.0.0.1", "10.0.0.1:  53/UDP")]
    [InlineData("with an address and without ports", Selector + ",\"clusterIP\":\"10.43.0.1\"", "a 10.0.0.1", "")]
    [InlineData("without an address yet and without ports", Selector, "a 10.0.0.1", "")]
    [InlineData("two ports", Selector + ",\"clusterIP\":\"10.43.0.1\",\"ports\":[{\"name\":\"x\",\"port\":1},{\"name\":\"y\",\"port\":2,\"appProtocol\":\"h2c\"}]", "a 10.0.0.1", "10.0.0.1: x 1/TCP,y 2/TCP h2c")]
    [InlineData("a port by name, which not all have", Selector + ",\"clusterIP\":\"10.43.0.1\",\"ports\":[{\"name\":\"x\",\"port\":1},{\"name\":\"m\",\"port\":2,\"targetPort\":\"of-a\"}]", "a 10.0.0.1,b 10.0.0.2",
        "10.0.0.1 10.0.0.2: x 1/TCP; 10.0.0.1: m 9000/TCP")]
    [InlineData("a port by name, which nobody has", Selector + ",\"clusterIP\":\"10.43.0.1\",\"ports\":[{\"port\":2,\"targetPort\":\"other\"}]", "a 10.0.0.1", "")]
    [InlineData("a port by name, which nobody has, of a headless one", Headless + ",\"ports\":[{\"port\":2,\"targetPort\":\"other\"}]", "a 10.0.0.1", "")]
    public void Subsets(string because, string spec, string pods, string expected)
    {
        Assert.NotEmpty(because);
        var plan = Assert.IsType<EndpointsPlan.Create>(EndpointsPlan.Decide(Service(spec), Pods(pods), null, null));
        Assert.Equal(expected, string.Join("; ", plan.Endpoints["subsets"]!.AsArray().Select(Text).Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("plain", "", """{"ip":"10.0.0.1","targetRef":{"kind":"Pod","namespace":"d","name":"a","uid":"uid-a"}}""")]
    [InlineData("on a node", "\"nodeName\":\"n\"", """{"ip":"10.0.0.1","nodeName":"n","targetRef":{"kind":"Pod","namespace":"d","name":"a","uid":"uid-a"}}""")]
    [InlineData("with a name in the Service", "\"hostname\":\"h\",\"subdomain\":\"s\"", """{"ip":"10.0.0.1","hostname":"h","targetRef":{"kind":"Pod","namespace":"d","name":"a","uid":"uid-a"}}""")]
    [InlineData("with a name in another", "\"hostname\":\"h\",\"subdomain\":\"other\"", """{"ip":"10.0.0.1","targetRef":{"kind":"Pod","namespace":"d","name":"a","uid":"uid-a"}}""")]
    public void Address(string because, string spec, string expected)
    {
        Assert.NotEmpty(because);
        var pod = Pod("a", ready: Noon, spec: spec, status: ",\"podIPs\":[{\"ip\":\"10.0.0.1\"}]");
        var plan = Assert.IsType<EndpointsPlan.Create>(EndpointsPlan.Decide(Service(Headless), [pod], null, null));
        Assert.Equal(expected, plan.Endpoints["subsets"]![0]!["addresses"]![0]!.ToJsonString());
    }

    /// <param name="labels">Of the Service.</param>
    [Theory]
    [InlineData("none", Web, "", Managed)]
    [InlineData("the Service's", Web, "a=b", "a=b," + Managed)]
    [InlineData("headless", Headless, "a=b", "a=b," + Managed + ",service.kubernetes.io/headless=")]
    [InlineData("without an address yet: headless as well", Selector, "", Managed + ",service.kubernetes.io/headless=")]
    [InlineData("not headless, whatever the Service says", Web, "service.kubernetes.io/headless=", Managed)]
    [InlineData("made here, whatever the Service says", Web, "endpoints.kubernetes.io/managed-by=me", Managed)]
    public void Labels(string because, string spec, string labels, string expected)
    {
        Assert.NotEmpty(because);
        var plan = Assert.IsType<EndpointsPlan.Create>(EndpointsPlan.Decide(Service(spec, labels), [], null, null));
        Assert.Equal(expected, Text(plan.Endpoints["metadata"]!["labels"]!.AsObject()));
    }

    private const string Own = "\"endpoints.kubernetes.io/managed-by\":\"endpoint-controller\"";
    private const string A = """{"ip":"10.0.0.1","targetRef":{"kind":"Pod","namespace":"d","name":"a","uid":"uid-a"}}""";
    private const string B = """{"ip":"10.0.0.2","targetRef":{"kind":"Pod","namespace":"d","name":"b","uid":"uid-b"}}""";
    private const string Http = "\"ports\":[{\"name\":\"http\",\"port\":8080,\"protocol\":\"TCP\"}]";
    private const string Both = "{\"addresses\":[" + A + "," + B + "]," + Http + "}";

    /// <summary>Of a Service with two ready Pods.</summary>
    /// <param name="labels">Of the Endpoints.</param>
    [Theory]
    [InlineData("as they should be", Own, "", Both, "keep")]
    [InlineData("in another order", Own, "", "{\"addresses\":[" + B + "," + A + "]," + Http + "}", "keep")]
    [InlineData("in pieces", Own, "", "{\"addresses\":[" + B + "]," + Http + "},{\"addresses\":[" + A + "]," + Http + "}", "keep")]
    [InlineData("others' annotations are theirs", Own, "\"x\":\"y\"", Both, "keep")]
    [InlineData("when it changed last counts for nothing", Own, "\"endpoints.kubernetes.io/last-change-trigger-time\":\"2024-01-01T00:00:00Z\"", Both, "keep")]
    [InlineData("one is missing", Own, "", "{\"addresses\":[" + A + "]," + Http + "}", "update")]
    [InlineData("all are missing", Own, "", "", "update")]
    [InlineData("one too many", Own, "", "{\"addresses\":[" + A + "," + B + ",{\"ip\":\"10.0.0.3\"}]," + Http + "}", "update")]
    [InlineData("one is not ready there", Own, "", "{\"addresses\":[" + A + "],\"notReadyAddresses\":[" + B + "]," + Http + "}", "update")]
    [InlineData("another Pod has the address", Own, "", "{\"addresses\":[{\"ip\":\"10.0.0.1\",\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"d\",\"name\":\"z\",\"uid\":\"uid-z\"}}," + B + "]," + Http + "}", "update")]
    [InlineData("other ports", Own, "", "{\"addresses\":[" + A + "," + B + "],\"ports\":[{\"name\":\"http\",\"port\":8081,\"protocol\":\"TCP\"}]}", "update")]
    [InlineData("made by nobody", "", "", Both, "update")]
    [InlineData("made by another", "\"endpoints.kubernetes.io/managed-by\":\"me\"", "", Both, "update")]
    [InlineData("a label that the Service has not", Own + ",\"x\":\"y\"", "", Both, "update")]
    [InlineData("headless once", Own + ",\"service.kubernetes.io/headless\":\"\"", "", Both, "update")]
    [InlineData("too many once", Own, "\"endpoints.kubernetes.io/over-capacity\":\"truncated\"", Both, "update")]
    public void What_is_written(string because, string labels, string annotations, string subsets, string expected)
    {
        Assert.NotEmpty(because);
        var known = Known($$$"""{"metadata":{"name":"s","namespace":"d","uid":"u","resourceVersion":"7","labels":{ {{{labels}}} },"annotations":{ {{{annotations}}} } },"subsets":[{{{subsets}}}]}""");
        var plan = EndpointsPlan.Decide(Service(Web), Pods("a 10.0.0.1,b 10.0.0.2"), known, null);
        Assert.Equal(expected, Verb(plan));
        // Whatever there was: what is written would not be written again, and its version goes along.
        if (plan is not EndpointsPlan.Update(var tree)) return;
        Assert.Equal(Both, tree["subsets"]!.AsArray().Single()!.ToJsonString());
        Assert.Equal(Managed, Text(tree["metadata"]!["labels"]!.AsObject()));
        Assert.Equal("7", (string?)tree["metadata"]!["resourceVersion"]);
        Assert.Equal("keep", Verb(EndpointsPlan.Decide(Service(Web), Pods("a 10.0.0.1,b 10.0.0.2"), Known(tree.ToJsonString()), Noon)));
    }

    /// <param name="ready">How many Pods are.</param>
    /// <param name="known">Annotations that are there; null: there are no Endpoints yet.</param>
    /// <param name="isTimed">What happened happened at noon; else nobody knows when.</param>
    /// <param name="expected">Annotations, and addresses ready and not.</param>
    [Theory]
    [InlineData("new", 1, 0, null, true, "endpoints.kubernetes.io/last-change-trigger-time=2024-01-01T12:00:00Z; 1 0")]
    [InlineData("new, and nobody knows since when", 1, 0, null, false, "; 1 0")]
    [InlineData("others' stay", 1, 0, "\"x\":\"y\"", true, "endpoints.kubernetes.io/last-change-trigger-time=2024-01-01T12:00:00Z,x=y; 1 0")]
    [InlineData("an older time goes", 1, 0, "\"endpoints.kubernetes.io/last-change-trigger-time\":\"2023-01-01T12:00:00Z\"", false, "; 1 0")]
    [InlineData("an older time is replaced", 1, 0, "\"endpoints.kubernetes.io/last-change-trigger-time\":\"2023-01-01T12:00:00Z\"", true, "endpoints.kubernetes.io/last-change-trigger-time=2024-01-01T12:00:00Z; 1 0")]
    [InlineData("as many as there may be", 600, 400, null, false, "; 600 400")]
    [InlineData("one too many", 600, 401, null, false, "endpoints.kubernetes.io/over-capacity=truncated; 600 400")]
    [InlineData("ready ones go last", 1001, 5, null, false, "endpoints.kubernetes.io/over-capacity=truncated; 1000 0")]
    [InlineData("no longer too many", 1000, 0, "\"endpoints.kubernetes.io/over-capacity\":\"truncated\"", false, "; 1000 0")]
    [InlineData("still too many", 1001, 0, "\"endpoints.kubernetes.io/over-capacity\":\"truncated\"", false, "endpoints.kubernetes.io/over-capacity=truncated; 1000 0")]
    [InlineData("in the words of old", 1001, 0, "\"endpoints.kubernetes.io/over-capacity\":\"warning\"", false, "endpoints.kubernetes.io/over-capacity=truncated; 1000 0")]
    public void Annotations(string because, int ready, int unready, string? known, bool isTimed, string expected)
    {
        Assert.NotEmpty(because);
        var pods = Pods(string.Join(',', Enumerable.Range(0, ready + unready).Select(i => $"{(i < ready ? "" : "!")}p{i} 10.0.{i / 250}.{i % 250}")));
        var plan = EndpointsPlan.Decide(Service(Web), pods, known is null ? null : Known($$$"""{"metadata":{"name":"s","namespace":"d","annotations":{ {{{known}}} } } }"""), isTimed ? Noon : null);
        var tree = plan switch { EndpointsPlan.Create(var made) => made, EndpointsPlan.Update(var changed) => changed, _ => [] };
        var subsets = tree["subsets"]!.AsArray();
        Assert.Equal(expected, $"{Text(tree["metadata"]!["annotations"] as JsonObject ?? [])}; {Count("addresses")} {Count("notReadyAddresses")}");

        int Count(string field) => subsets.Sum(s => (s![field] as JsonArray)?.Count ?? 0);
    }

    /// <summary>What somebody wrote into the object beyond what the API lets us, or an older version did, is cut all the same.</summary>
    [Fact]
    public void Too_many_that_are_there_are_cut_without_a_change()
    {
        var pods = Pods(string.Join(',', Enumerable.Range(0, 1001).Select(i => $"p{i} 10.0.{i / 250}.{i % 250}")));
        var whole = new JsonArray([.. pods.Select(p => (JsonNode)new JsonObject
        {
            ["ip"] = p.Status.PodIPs[0].Ip,
            ["targetRef"] = new JsonObject { ["kind"] = "Pod", ["namespace"] = "d", ["name"] = p.Metadata.Name, ["uid"] = p.Metadata.Uid },
        })]);
        var known = Known($$$"""{"metadata":{"name":"s","namespace":"d","labels":{ {{{Own}}} } },"subsets":[{"addresses":{{{whole.ToJsonString()}}},{{{Http}}} }]}""");
        var plan = Assert.IsType<EndpointsPlan.Update>(EndpointsPlan.Decide(Service(Web), pods, known, null));
        Assert.Equal(1000, plan.Endpoints["subsets"]![0]!["addresses"]!.AsArray().Count);
    }

    private static string Verb(EndpointsPlan plan) => plan.GetType().Name.ToLowerInvariant();

    private static string Text(JsonObject pairs) => string.Join(',', pairs.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}"));

    private static string Text(JsonNode? subset)
    {
        var addresses = (subset!["addresses"] as JsonArray ?? []).Select(a => (string)a!["ip"]!).Concat((subset["notReadyAddresses"] as JsonArray ?? []).Select(a => "!" + (string)a!["ip"]!));
        var ports = (subset["ports"] as JsonArray ?? []).Select(p => $" {(string?)p!["name"]} {p["port"]}/{p["protocol"]} {(string?)p["appProtocol"]}".TrimEnd()).Order(StringComparer.Ordinal);
        return $"{string.Join(' ', addresses)}:{string.Join(',', ports.Select((p, i) => i == 0 ? p : p[1..]))}";
    }

    private static KubeObject Known(string json) => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(json));

    private static V1Service Service(string spec, string labels = "") => Model<V1Service>(
        $$$"""{"metadata":{"name":"s","namespace":"d","labels":{ {{{string.Join(',', labels.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('=')).Select(l => $"\"{l[0]}\":\"{l[1]}\""))}}} } },"spec":{ {{{spec}}} } }""");

    private static List<V1Pod> Pods(string pods) =>
    [
        .. pods.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(text =>
        {
            var words = text.Split(' ');
            var name = words[0].TrimStart('!', '-', '+');
            return Pod(
                name, text[0] == '+' ? "Succeeded" : "Running", text[0] is '!' or '+' ? null : Noon, text[0] == '-',
                spec: $$$"""
                    "containers":[{"name":"c","ports":[{"name":"of-{{{name}}}","containerPort":9000,"protocol":"TCP"}]}]
                    """,
                status: $",\"podIPs\":[{string.Join(',', words.Skip(1).Select(ip => $"{{\"ip\":\"{ip}\"}}"))}]");
        }),
    ];
}
