using System.Text.Json.Nodes;
using Bramble.Api.OpenApi;
using Bramble.Api.Tests.Catalog;

namespace Bramble.Api.Tests.OpenApi;

public sealed class OpenApiV3Tests
{
    private static readonly string Cases = Path.GetFullPath(Path.Combine(ApiCatalogTests.FindFacts(), "../../tests/parity/cases/openapi"));

    /// <summary>The recorded answers of upstream, read from the parity corpus.</summary>
    [Theory]
    [InlineData("v3-deployment.json")]
    [InlineData("v3-hpa.json")]
    [InlineData("v3-ingress.json")]
    [InlineData("v3-objectmeta.json")]
    [InlineData("v3-pod.json")]
    [InlineData("v3-paths.json")]
    public void Documents_are_upstreams(string file)
    {
        var step = JsonNode.Parse(File.ReadAllText(Path.Combine(Cases, file)))!["steps"]![0]!;
        var document = OpenApiV3.Document(((string)step["path"]!)["/openapi/v3/".Length..])!;
        foreach (var (pointer, want) in step["expect"]!["body"]!.AsObject())
        {
            JsonNode? node = document;
            foreach (var name in pointer.Split('/').Skip(1)) node = node![name.Replace("~1", "/", StringComparison.Ordinal)];
            var got = node!.DeepClone();
            DropDescriptions(got);
            Assert.True(JsonNode.DeepEquals(want, got), $"{pointer}\nwant {want!.ToJsonString()}\ngot  {got.ToJsonString()}");
        }
    }

    [Fact]
    public void Every_document_of_the_index_can_be_made_and_names_types_that_are_there()
    {
        foreach (var (path, _) in OpenApiV3.Index()["paths"]!.AsObject())
        {
            var document = OpenApiV3.Document(path)!;
            var schemas = document["components"]!["schemas"]!.AsObject();
            var missing = References(document).Where(r => !schemas.ContainsKey(r)).Distinct();
            Assert.Empty(missing);
            var ids = document["paths"]!.AsObject().SelectMany(p => p.Value!.AsObject()).Select(o => o.Value as JsonObject).OfType<JsonObject>().Select(o => (string)o["operationId"]!).ToList();
            Assert.Equal(ids.Distinct(), ids);
        }
        Assert.Null(OpenApiV3.Document("apis/nope/v1"));
    }

    [Fact]
    public void The_second_version_has_all_types()
    {
        var definitions = OpenApiV2.Document()["definitions"]!.AsObject();
        Assert.True(definitions.ContainsKey("io.k8s.api.core.v1.Pod"));
        Assert.Equal("string", (string?)definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]!["type"]);
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject obj => obj.SelectMany(m => m is { Key: "$ref", Value: JsonValue } ? [((string)m.Value!)["#/components/schemas/".Length..]] : References(m.Value)),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };

    private static void DropDescriptions(JsonNode? node)
    {
        if (node is JsonObject obj)
        {
            if (obj["description"] is JsonValue) obj.Remove("description");
            foreach (var (_, value) in obj) DropDescriptions(value);
        }
        else if (node is JsonArray list)
            foreach (var item in list) DropDescriptions(item);
    }
}
