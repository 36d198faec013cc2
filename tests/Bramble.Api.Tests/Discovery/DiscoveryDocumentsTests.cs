using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Discovery;
using Bramble.Api.Tests.Catalog;

namespace Bramble.Api.Tests.Discovery;

public sealed class DiscoveryDocumentsTests
{
    private static readonly JsonNode Facts = JsonNode.Parse(File.ReadAllText(Path.Combine(ApiCatalogTests.FindFacts(), "discovery.json")))!;
    private static readonly DiscoveryDocuments Documents = new(ApiCatalog.BuiltIn);

    public static TheoryData<string> LegacyPaths => [.. Facts["legacy"]!.AsObject().Select(p => p.Key)];

    [Theory]
    [MemberData(nameof(LegacyPaths))]
    public void Legacy_documents_are_upstreams_to_the_byte(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var document = parts switch
        {
            ["api"] => DiscoveryDocuments.ApiVersions("<host:port>"),
            ["apis"] => Documents.Groups(),
            ["api", var version] => Documents.Resources("", version),
            ["apis", var group] => Documents.Group(group),
            [_, var group, var version] => Documents.Resources(group, version),
            _ => null,
        };
        Assert.Equal(Facts["legacy"]![path]!.ToJsonString(), document!.ToJsonString());
    }

    [Fact]
    public void Aggregated_documents_are_upstreams_to_the_byte()
    {
        Assert.Equal(Facts["aggregated"]!["/api"]!.ToJsonString(), Documents.AggregatedCore().ToJsonString());
        Assert.Equal(Facts["aggregated"]!["/apis"]!.ToJsonString(), Documents.AggregatedGroups().ToJsonString());
    }

    [Fact]
    public void The_list_of_paths_is_upstreams() => Assert.Equal(Facts["root"]!.ToJsonString(), Documents.RootPaths().ToJsonString());

    [Fact]
    public void A_custom_resource_and_another_servers_group_come_after_the_built_in_ones()
    {
        var things = ApiCatalog.BuiltIn.Find("", "v1", "configmaps")! with { Group = "example.com", Version = "v1", Plural = "things", Kind = "Thing", SchemaType = "" };
        var remote = new RemoteGroupVersion("metrics.k8s.io", "v1beta1", 100, 100,
            [new JsonObject { ["name"] = "pods", ["singularName"] = "", ["namespaced"] = true, ["kind"] = "PodMetrics", ["verbs"] = new JsonArray("get") }], IsFresh: true);
        var documents = new DiscoveryDocuments(ApiCatalog.BuiltIn.With([things, things with { Version = "v1beta1" }, things with { Version = "v2" }]), [remote]);
        Assert.Equal(["example.com", "metrics.k8s.io"], documents.Groups()["groups"]!.AsArray().TakeLast(2).Select(g => (string?)g!["name"]));
        Assert.Equal(["v2", "v1", "v1beta1"], documents.Group("example.com")!["versions"]!.AsArray().Select(v => (string?)v!["version"]));
        var kind = documents.AggregatedGroups()["items"]!.AsArray()[^1]!["versions"]![0]!["resources"]![0]!["responseKind"]!.ToJsonString();
        Assert.Equal("""{"group":"metrics.k8s.io","version":"v1beta1","kind":"PodMetrics"}""", kind);
        Assert.NotEqual(Documents.AggregatedGroupsTag, documents.AggregatedGroupsTag);
    }

    [Fact]
    public void Versions_are_ordered_as_Kubernetes_does()
    {
        string[] versions = ["foo10", "v1", "v11alpha2", "v3beta1", "v10", "v2", "foo1", "v12alpha1", "v11beta2", "v10beta3"];
        Assert.Equal(["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"], versions.Order(VersionPriority.Order));
    }
}
