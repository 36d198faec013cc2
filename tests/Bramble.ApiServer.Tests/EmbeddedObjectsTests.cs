using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.CustomResources;

namespace Bramble.ApiServer.Tests;

public class EmbeddedObjectsTests
{
    [Theory]
    [InlineData("""{"apiVersion":"apps/v1","kind":"Deployment"}""", "")]
    [InlineData("""{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"}}}""", "")]
    [InlineData("{}", "o.apiVersion: Required value; o.kind: Required value")]
    [InlineData("""{"apiVersion":"","kind":7}""", "o.apiVersion: Invalid value: \"\": must not be empty; o.kind: Invalid value: 7: must be a string")]
    [InlineData("""{"apiVersion":"a/b/c","kind":"Pod"}""", "o.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c")]
    [InlineData("""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"..","namespace":"d"}}""", "o.metadata.name: Invalid value: \"..\": may not be '..'")]
    [InlineData("""{"apiVersion":"v1","kind":"Pod","inner":{"apiVersion":"v1"}}""", "o.inner.kind: Required value")]
    public void An_object_inside_another_is_an_object(string json, string expected)
    {
        var errors = new FieldErrors();
        EmbeddedObjects.Validate(new JsonObject { ["o"] = JsonNode.Parse(json) }, JsonNode.Parse("""
            {"properties":{"o":{"x-kubernetes-embedded-resource":true,"properties":{"inner":{"x-kubernetes-embedded-resource":true}}}}}
            """)!.AsObject(), errors);
        Assert.Equal(expected, string.Join("; ", errors));
    }
}
