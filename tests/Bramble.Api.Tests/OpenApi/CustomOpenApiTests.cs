using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.OpenApi;

namespace Bramble.Api.Tests.OpenApi;

/// <summary>The schemas of custom resources as clients read them.</summary>
public class CustomOpenApiTests
{
    private static readonly ApiResource Resource = new()
    {
        Group = "stable.example.com",
        Version = "v1",
        Plural = "tabs",
        Singular = "tab",
        Kind = "Tab",
        ListKind = "TabList",
        IsNamespaced = true,
        Verbs = [],
        ShortNames = [],
        Categories = [],
        Subresources = [],
        StorageKind = new("stable.example.com", "v1", "Tab"),
        StoragePrefix = "",
        StorageVersionHash = "",
    };

    [Theory]
    [InlineData("what v2 has no words for", """{"type":"object","anyOf":[{"required":["a"]}],"properties":{"a":{"type":"string","not":{"enum":["x"]}}}}""", """{"type":"object","properties":{"a":{"type":"string"}}}""")]
    [InlineData("a null", """{"type":"object","required":["a","b"],"properties":{"a":{"type":"string"},"b":{"type":"object","nullable":true,"properties":{"c":{"type":"string"}}}}}""",
        """{"type":"object","required":["a"],"properties":{"a":{"type":"string"},"b":{}}}""")]
    [InlineData("what is kept", """{"type":"object","properties":{"o":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"a":{"type":"string"}}}}}""",
        """{"type":"object","properties":{"o":{"x-kubernetes-preserve-unknown-fields":true}}}""")]
    [InlineData("a list of what is kept", """{"type":"object","properties":{"l":{"type":"array","x-kubernetes-preserve-unknown-fields":true,"items":{"type":"object"}}}}""",
        """{"type":"object","properties":{"l":{"x-kubernetes-preserve-unknown-fields":true}}}""")]
    [InlineData("a map of nulls", """{"type":"object","properties":{"m":{"type":"object","required":["a"],"additionalProperties":{"type":"string","nullable":true}}}}""",
        """{"type":"object","properties":{"m":{"type":"object","additionalProperties":{}}}}""")]
    public void Version_two_says_less(string name, string schema, string expected)
    {
        var shown = V2(schema);
        foreach (var field in (string[])["apiVersion", "kind", "metadata"]) Assert.True(shown["properties"]!.AsObject().Remove(field), $"{name}: {field}");
        shown.Remove("x-kubernetes-group-version-kind");
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), shown), $"{name}: {shown.ToJsonString()}");
    }

    [Fact]
    public void Of_an_object_that_keeps_everything_version_two_names_no_field()
    {
        var shown = V2("""{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"a":{"type":"string"}}}""");
        Assert.Equal(["type", "x-kubernetes-group-version-kind"], shown.Select(p => p.Key));
    }

    [Fact]
    public void What_every_object_has_is_described_also_of_objects_inside()
    {
        var schema = CustomOpenApi.Document([(Resource, Version("""{"type":"object","properties":{"e":{"type":"object","x-kubernetes-embedded-resource":true,"properties":{"spec":{"type":"object"}}}}}"""))])
            ["components"]!["schemas"]!["com.example.stable.v1.Tab"]!;
        var inner = schema["properties"]!["e"]!;
        foreach (var properties in (JsonNode[])[schema["properties"]!, inner["properties"]!])
        {
            Assert.StartsWith("APIVersion defines", (string)properties["apiVersion"]!["description"]!, StringComparison.Ordinal);
            Assert.Equal("Standard object's metadata.", (string?)properties["metadata"]!["description"]);
        }
        Assert.Equal("""["kind","apiVersion"]""", inner["required"]!.ToJsonString());
        Assert.Equal("""[{"fieldPath":"spec.a"}]""", schema["x-kubernetes-selectable-fields"]!.ToJsonString());
    }

    private static JsonObject V2(string schema)
    {
        var definitions = new JsonObject();
        CustomOpenApi.AddTo(definitions, Resource, Version(schema));
        Assert.True(definitions.ContainsKey("com.example.stable.v1.TabList"));
        var shown = definitions["com.example.stable.v1.Tab"]!.AsObject();
        shown.Remove("x-kubernetes-selectable-fields");
        return shown;
    }

    private static JsonObject Version(string schema) =>
        new() { ["name"] = "v1", ["schema"] = new JsonObject { ["openAPIV3Schema"] = JsonNode.Parse(schema) }, ["selectableFields"] = new JsonArray(new JsonObject { ["jsonPath"] = ".spec.a" }) };
}
