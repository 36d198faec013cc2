using System.Text.Json.Nodes;
using Bramble.Api.CustomResources;
using Bramble.Api.Errors;

namespace Bramble.Api.Tests;

/// <summary>Structural schemas: what is defaulted, and what a wrong value is told.</summary>
public class CustomResourceSchemaTests
{
    [Theory]
    [InlineData("absent", """{"spec":{}}""", """{"spec":{"n":3,"o":{"x":1}}}""")]
    [InlineData("a default of a default", """{}""", """{"spec":{"n":5,"o":{"x":1}}}""")]
    [InlineData("null where it may not be", """{"spec":{"n":null,"s":null}}""", """{"spec":{"n":3,"o":{"x":1}}}""")]
    [InlineData("null where it may be", """{"spec":{"n":1,"nl":null}}""", """{"spec":{"n":1,"nl":null,"o":{"x":1}}}""")]
    [InlineData("items", """{"spec":{"n":1,"a":[{},{"z":false}]}}""", """{"spec":{"n":1,"a":[{"z":true},{"z":false}],"o":{"x":1}}}""")]
    public void Defaults_fill_in_what_is_absent(string name, string json, string expected)
    {
        var schema = Parse("""
            {"properties":{"spec":{"default":{"n":5},"properties":{"n":{"default":3},"s":{"type":"string"},"nl":{"nullable":true},
             "o":{"default":{},"properties":{"x":{"default":1}}},"a":{"items":{"properties":{"z":{"default":true}}}}}}}}
            """);
        var tree = Parse(json);
        StructuralDefaults.Apply(tree, schema);
        Assert.True(JsonNode.DeepEquals(Parse(expected), tree), $"{name}: {tree.ToJsonString()}");
    }

    [Theory]
    [InlineData("""{"type":"integer","minimum":1}""", "0", "f: Invalid value: 0: f in body should be greater than or equal to 1")]
    [InlineData("""{"type":"integer"}""", "\"x\"", "f: Invalid value: \"string\": f in body must be of type integer: \"string\"")]
    [InlineData("""{"x-kubernetes-int-or-string":true}""", "1.5", "f: Invalid value: \"number\": f in body must be of type integer,string: \"number\"")]
    [InlineData("""{"type":"string","maxLength":2}""", "\"abc\"", "f: Too long: may not be more than 2 bytes")]
    [InlineData("""{"type":"string","enum":["A","B"]}""", "\"C\"", "f: Unsupported value: \"C\": supported values: \"A\", \"B\"")]
    [InlineData("""{"type":"array","maxItems":1}""", "[1,2]", "f: Too many: 2: must have at most 1 item")]
    [InlineData("""{"type":"object","required":["a"]}""", "{}", "f.a: Required value")]
    [InlineData("""{"type":"array","x-kubernetes-list-type":"set"}""", "[\"a\",\"a\"]", "f[1]: Duplicate value: \"a\"")]
    [InlineData("""{"type":"string","pattern":"^a+$"}""", "\"aa\"", "")]
    public void A_wrong_value_is_told_what_upstream_tells_it(string schema, string value, string expected)
    {
        var errors = new FieldErrors();
        SchemaValidation.Validate(new JsonObject { ["f"] = JsonNode.Parse(value) }, null, new JsonObject { ["properties"] = new JsonObject { ["f"] = JsonNode.Parse(schema) } }, errors);
        Assert.Equal(expected, string.Join("; ", errors));
    }

    [Fact]
    public void A_wrong_value_that_was_there_before_stays()
    {
        var schema = Parse("""{"properties":{"n":{"type":"integer","maximum":3},"m":{"type":"integer","maximum":3}}}""");
        var errors = new FieldErrors();
        SchemaValidation.Validate(Parse("""{"n":5,"m":6}"""), Parse("""{"n":5,"m":1}"""), schema, errors);
        Assert.Equal(["m: Invalid value: 6: m in body should be less than or equal to 3"], errors.Select(e => e.ToString()));
    }

    [Theory]
    [InlineData("""{"a":2,"b":3}""", "")]
    [InlineData("""{"a":3,"b":2}""", "<nil>: Invalid value: a is above b")]
    [InlineData("""{"a":0,"b":-1}""", "a: Invalid value: 0: a in body should be greater than or equal to 1; <nil>: Invalid value: a is above b")]
    [InlineData("""{"a":3}""", "b: Required value; <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation")]
    [InlineData("""{"a":"x","b":2}""", "a: Invalid value: \"string\": a in body must be of type integer: \"string\"; <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation")]
    public void Rules_are_asked_where_types_and_sizes_are_right(string json, string expected)
    {
        var schema = Parse("""
            {"type":"object","required":["a","b"],"properties":{"a":{"type":"integer","minimum":1},"b":{"type":"integer"}},"x-kubernetes-validations":[{"rule":"self.a <= self.b","message":"a is above b"}]}
            """);
        var errors = new FieldErrors();
        SchemaValidation.Validate(Parse(json), null, schema, errors);
        new RuleValidation(schema).ValidateAfterSchema(Parse(json), null, errors);
        Assert.Equal(expected, string.Join("; ", errors));
    }

    [Theory]
    [InlineData("""{"spec":{"n":3},"status":{"n":0,"s":"a=b"}}""", "")]
    [InlineData("{}", "")]
    [InlineData("""{"spec":{"n":-1},"status":{"n":3000000000}}""", ".spec.n: Invalid value: -1: should be a non-negative integer; .status.n: Invalid value: 3000000000: should be less than or equal to 2147483647")]
    [InlineData("""{"spec":{"n":"x"},"status":{"n":1.5,"s":7}}""", ".spec.n: Invalid value: 0: .spec.n accessor error: x is of the type string, expected int64; "
        + ".status.n: Invalid value: 0: .status.n accessor error: 1.5 is of the type float64, expected int64; .status.s: Invalid value: \"\": .status.s accessor error: 7 is of the type int64, expected string")]
    [InlineData("""{"spec":[1]}""", ".spec.n: Invalid value: 0: .spec.n accessor error: [1] is of the type []interface {}, expected map[string]interface{}")]
    public void A_scale_needs_whole_numbers(string json, string expected)
    {
        var scale = Parse("""{"specReplicasPath":".spec.n","statusReplicasPath":".status.n","labelSelectorPath":".status.s"}""");
        var errors = new FieldErrors();
        CustomScaleRules.Spec(Parse(json), scale, errors);
        CustomScaleRules.Status(Parse(json), scale, errors);
        Assert.Equal(expected, string.Join("; ", errors));
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
