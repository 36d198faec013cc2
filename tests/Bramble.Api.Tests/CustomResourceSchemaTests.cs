using System.Text.Json.Nodes;
using Bramble.Api.CustomResources;
using Bramble.Api.Decoding;
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
    [InlineData("null in a list", """{"spec":{"n":1,"b":[null,2]}}""", """{"spec":{"n":1,"b":[7,2],"o":{"x":1}}}""")]
    [InlineData("null in a map", """{"spec":{"n":1,"m":{"k":null,"l":1}}}""", """{"spec":{"n":1,"m":{"l":1},"o":{"x":1}}}""")]
    [InlineData("items", """{"spec":{"n":1,"a":[{},{"z":false}]}}""", """{"spec":{"n":1,"a":[{"z":true},{"z":false}],"o":{"x":1}}}""")]
    public void Defaults_fill_in_what_is_absent(string name, string json, string expected)
    {
        var schema = Parse("""
            {"properties":{"spec":{"default":{"n":5},"properties":{"n":{"default":3},"s":{"type":"string"},"nl":{"nullable":true},
             "b":{"items":{"default":7}},"m":{"additionalProperties":{"type":"integer"}},
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
    [InlineData("""{"type":"object","additionalProperties":true}""", """{"a":1}""", "")]
    [InlineData("""{"type":"object","additionalProperties":false}""", """{"a":1}""", "f: Invalid value: \"a\": f.a in body is a forbidden property")]
    [InlineData("""{"type":"integer","format":"int32"}""", "3000000000", "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in f")]
    [InlineData("""{"type":"integer"}""", "3000000000", "")]
    [InlineData("""{"type":"integer"}""", "2.0", "")]
    [InlineData("""{"type":"integer"}""", "1e20", "f: Invalid value: \"number\": f in body must be of type integer: \"number\"; <nil>: Invalid value: \"\": Checked value must be of type integer (default format) in f")]
    [InlineData("""{"type":"string","nullable":true}""", "null", "")]
    [InlineData("""{"type":"string","nullable":true,"enum":["A",null]}""", "null", "f: Unsupported value: null: supported values: \"A\", \"null\"")]
    [InlineData("""{"type":"string","minLength":2}""", "\"e\u0301\"", "")]
    [InlineData("""{"type":"string","pattern":"^a+$"}""", "\"aa\"", "")]
    public void A_wrong_value_is_told_what_upstream_tells_it(string schema, string value, string expected)
    {
        var errors = new FieldErrors();
        SchemaValidation.Validate(new JsonObject { ["f"] = JsonNode.Parse(value) }, null, new JsonObject { ["properties"] = new JsonObject { ["f"] = JsonNode.Parse(schema) } }, errors);
        Assert.Equal(expected, string.Join("; ", errors));
    }

    [Theory]
    [InlineData("date", "2024-02-29", "2023-02-29")]
    [InlineData("date-time", "2024-01-02T03:04:05Z 2024-01-02t03:04:05.5+01:00", "2024-01-02|2024-01-02T24:00:00Z|2024-01-02T03:04:05")]
    [InlineData("duration", "1h30m 22ns 0 2days 1w", "x|5|5 parsecs")]
    [InlineData("ipv4", "10.0.0.1", "10.1|::1|a")]
    [InlineData("ipv6", "::1 ::ffff:1.2.3.4", "10.0.0.1|fe80::1%eth0")]
    [InlineData("cidr", "10.0.0.0/8 10.0.0.1/24 fd00::1/64", "10.0.0.0|10.0.0.0/33|a/8")]
    [InlineData("uuid", "0123abcd-0123-0123-0123-0123456789ab 0123ABCD0123012301230123456789AB", "{0123abcd-0123-0123-0123-0123456789ab}|0123")]
    [InlineData("uuid4", "0123abcd-0123-4123-8123-0123456789ab", "0123abcd-0123-5123-8123-0123456789ab")]
    [InlineData("byte", "YQ== YWJj", "|YQ|Y Q==")]
    [InlineData("hostname", "example.com a a.b.example.com", "10.0.0.1|-a|a..b")]
    [InlineData("email", "a@b.c", "a")]
    [InlineData("mac", "01:23:45:67:89:ab 01-23-45-67-89-AB 0123.4567.89ab", "01:23:45:67:89|0123456789ab")]
    [InlineData("uri", "https://a/b /a urn:a:b", "a|")]
    [InlineData("hexcolor", "#fff 012345", "#ff")]
    [InlineData("rgbcolor", "rgb(0,12,255)", "rgb(0,12)|rgb(0,12,256)")]
    [InlineData("k8s-short-name", "a-b", "a.b|A|-a")]
    [InlineData("k8s-long-name", "a-b.c", "a..b|A")]
    [InlineData("password", "x", "")]
    [InlineData("nonsense", "x", "")]
    public void A_format_is_what_upstream_takes_for_it(string format, string right, string wrong)
    {
        Assert.All(right.Split(' '), text => Assert.True(IsTaken(text), text));
        if (wrong.Length > 0) Assert.All(wrong.Split('|'), text => Assert.False(IsTaken(text), text));

        bool IsTaken(string text)
        {
            var errors = new FieldErrors();
            SchemaValidation.ValidateValue(JsonValue.Create(text), new JsonObject { ["type"] = "string", ["format"] = format }, errors);
            return errors.Count == 0;
        }
    }

    private const string Old = """{"apiVersion":"g/v1","o":{"kind":"K"},"n":5,"m":1,"list":[9,1],"keyed":[{"k":"a","v":9},{"k":"b","v":1}],"few":[{"k":"a"},{"k":"b"}],"open":{"n":9,"x":1},"known":{"n":1,"m":1},"status":{"n":9}}""";

    [Theory]
    [InlineData("""{"n":5,"m":6}""", "m: Invalid value: 6: m in body should be less than or equal to 3")]
    [InlineData("""{"list":[9,1]}""", "")]
    [InlineData("""{"list":[9,2]}""", "list[0]: Invalid value: 9: list[0] in body should be less than or equal to 3")] // places in a list say nothing
    [InlineData("""{"keyed":[{"k":"b","v":2},{"k":"a","v":9}]}""", "")]
    [InlineData("""{"few":[{"k":"b"},{"k":"a"}]}""", "")] // the order does not count
    [InlineData("""{"few":[{"k":"c"},{"k":"a"}]}""", "few: Too many: 2: must have at most 1 item")]
    [InlineData("""{"open":{"n":9,"x":1}}""", "open: Too many: 2: must have at most 1 item")] // nobody knows whether x is the same
    [InlineData("""{"open":{"n":9,"x":1,"y":2}}""", "open: Too many: 3: must have at most 1 item")]
    [InlineData("""{"known":{"n":1,"m":1}}""", "")]
    [InlineData("""{"keyed":[{"k":"b","v":9}]}""", "keyed[0].v: Invalid value: 9: keyed[0].v in body should be less than or equal to 3")]
    [InlineData("""{"metadata":{"name":"abc"}}""", "metadata.name: Too long: may not be more than 2 bytes")]
    [InlineData("""{"apiVersion":"g/v1","o":{"kind":"K"},"n":5,"m":1}""", "apiVersion: Invalid value: \"g/v1\": apiVersion in body should match '^g/v2$'")] // the version that is asked
    public void A_wrong_value_that_was_there_before_stays(string json, string expected)
    {
        var errors = new FieldErrors();
        SchemaValidation.Validate(Parse(json), Parse(Old), Ratcheted, errors);
        Assert.Equal(expected, string.Join("; ", errors));
    }

    [Theory]
    [InlineData("""{"n":9}""", "")]
    [InlineData("""{"n":9,"status":{"n":9,"m":1}}""", "")]
    [InlineData("""{"status":{"n":8}}""", "status.n: Invalid value: 8: status.n in body should be less than or equal to 3")]
    public void Of_a_status_only_the_status_is_looked_at(string json, string expected)
    {
        var errors = new FieldErrors();
        SchemaValidation.ValidateStatus(Parse(json), Parse(Old), Ratcheted, errors);
        Assert.Equal(expected, string.Join("; ", errors));
    }

    private static JsonObject Ratcheted => Parse("""
        {"properties":{"apiVersion":{"pattern":"^g/v2$"},"o":{"properties":{"kind":{"maxLength":0}}},"n":{"maximum":3},"m":{"maximum":3},"list":{"items":{"maximum":3}},"status":{"properties":{"n":{"maximum":3}}},
         "keyed":{"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"properties":{"v":{"maximum":3}}}},
         "few":{"maxItems":1,"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"properties":{"k":{"type":"string"}}}},
         "open":{"maxProperties":1,"properties":{"n":{"maximum":3}}},"known":{"maxProperties":1,"additionalProperties":{"maximum":3}},"metadata":{"properties":{"name":{"maxLength":2}}}}}
        """);

    [Theory]
    [InlineData("""{"s":["a","b"]}""", null, "")]
    [InlineData("""{"s":["a","a","a"]}""", null, "s[1]: Duplicate value: \"a\"")]
    [InlineData("""{"s":["a","a"]}""", """{"s":["b","b"]}""", "")]
    [InlineData("""{"s":["a","a"]}""", """{"s":["a"]}""", "s[1]: Duplicate value: \"a\"")]
    [InlineData("""{"s":[{"a":1,"b":{"c":1,"d":2}},{"b":{"d":2,"c":1},"a":1}]}""", null, "s[1]: Duplicate value: {\"b\":{\"d\":2,\"c\":1},\"a\":1}")]
    [InlineData("""{"m":{"x":[{"k":1,"l":2},{"k":1,"l":3},{"k":1,"l":2}]}}""", null, "m[x][2]: Duplicate value: {\"k\":1,\"l\":2}")]
    [InlineData("""{"m":{"x":[{"v":1},{"v":2}]}}""", null, "m[x][1]: Duplicate value: {}")]
    [InlineData("""{"m":{"x":[1,1]}}""", null, "m[x][0]: Invalid value: 1: must be an object for an array of list-type map")]
    public void Items_of_sets_and_maps_are_not_there_twice(string json, string? old, string expected)
    {
        var errors = new FieldErrors();
        ListKeys.Validate(Parse(json), old is null ? null : Parse(old), Parse("""
            {"properties":{"s":{"x-kubernetes-list-type":"set"},"m":{"additionalProperties":{"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k","l"]}}}}
            """), errors);
        Assert.Equal(expected, string.Join("; ", errors));
    }

    [Fact]
    public void An_object_inside_has_the_fields_of_every_object_for_those_who_apply_it()
    {
        var type = StructuralSchema.TypeOf(Parse("""{"type":"object","properties":{"e":{"type":"object","x-kubernetes-embedded-resource":true,"properties":{"kind":{"type":"string"}}}}}"""), "Widget");
        Assert.Equal(["kind", "apiVersion", "metadata"], type.FindField("e")!.Type.Fields.Select(field => field.Name));
    }

    [Fact]
    public void What_is_not_known_is_told_in_the_order_of_upstream()
    {
        var type = StructuralSchema.TypeOf(Parse("""
            {"type":"object","properties":{"spec":{"type":"object","properties":{"e":{"type":"object","x-kubernetes-embedded-resource":true},"p":{"type":"object"}}}}}
            """), "Widget");
        var (_, told) = ObjectDecoder.Read(
            System.Text.Encoding.UTF8.GetBytes("""{"a":1,"spec":{"z":1,"e":{"apiVersion":"v1","kind":"P","metadata":{"m":1}},"p":{"q":1}},"metadata":{"u":1}}"""), type, FieldValidation.Strict, message => new FormatException(message));
        Assert.Equal(["unknown field \"metadata.u\"", "unknown field \"a\"", "unknown field \"spec.p.q\"", "unknown field \"spec.z\"", "unknown field \"spec.e.metadata.m\""], told);
    }

    [Theory]
    [InlineData("what is not known goes, also in lists", """{"o":{"a":1,"b":2},"l":[{"a":1,"b":2}]}""", """{"o":{"a":1},"l":[{"a":1}]}""")]
    [InlineData("what is kept is kept in the items of a list too, but where they know better", """{"k":[{"b":2,"o":{"a":1,"b":2}}]}""", """{"k":[{"b":2,"o":{"a":1}}]}""")]
    [InlineData("an object inside has metadata as every object", """{"e":{"apiVersion":"v1","kind":"P","x":1,"metadata":{"name":"n","other":1,"creationTimestamp":null}}}""",
        """{"e":{"apiVersion":"v1","kind":"P","x":1,"metadata":{"name":"n"}}}""")]
    [InlineData("of which what is wrong goes alone", """{"e":{"kind":7,"metadata":{"name":7,"namespace":"d","labels":{"a":1}}}}""", """{"e":{"metadata":{"namespace":"d"}}}""")]
    [InlineData("or something else", """{"e":{"metadata":[7]}}""", """{"e":{"metadata":[7]}}""")]
    [InlineData("of what may only be there nothing is known", """{"t":{"a":1,"b":{"c":1},"l":[{"d":1},[{"d":1}],2]}}""", """{"t":{"a":1,"b":{},"l":[{},[{}],2]}}""")]
    [InlineData("also beside fields", """{"p":{"o":{"a":1,"b":2},"x":{"c":1}}}""", """{"p":{"o":{"a":1},"x":{}}}""")]
    [InlineData("keys are kept, their values are known", """{"m":{"x":{"a":1,"b":2}}}""", """{"m":{"x":{"a":1}}}""")]
    [InlineData("what may be anything has fields where it is an object", """{"any":{"o":{"a":1,"b":2},"x":{"b":2}}}""", """{"any":{"o":{"a":1},"x":{"b":2}}}""")]
    [InlineData("or is something else", """{"any":[{"o":{"b":2}}]}""", """{"any":[{"o":{"b":2}}]}""")]
    public void Stored_objects_are_as_the_schema_of_now_has_them(string name, string json, string expected)
    {
        var schema = Parse("""
            {"type":"object","properties":{"o":{"type":"object","properties":{"a":{"type":"integer"}}},
             "l":{"type":"array","items":{"type":"object","properties":{"a":{"type":"integer"}}}},
             "k":{"type":"array","x-kubernetes-preserve-unknown-fields":true,"items":{"type":"object","properties":{"o":{"type":"object","properties":{"a":{"type":"integer"}}}}}},
             "e":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true},
             "t":{"type":"object","additionalProperties":true},
             "p":{"type":"object","additionalProperties":true,"properties":{"o":{"type":"object","properties":{"a":{"type":"integer"}}}}},
             "m":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"additionalProperties":{"type":"object","properties":{"a":{"type":"integer"}}}},
             "any":{"x-kubernetes-preserve-unknown-fields":true,"properties":{"o":{"type":"object","properties":{"a":{"type":"integer"}}}}}}}
            """);
        var tree = Parse(json);
        StructuralSchema.Prune(tree, StructuralSchema.TypeOf(schema, "Widget"), schema);
        Assert.True(JsonNode.DeepEquals(Parse(expected), tree), $"{name}: {tree.ToJsonString()}");
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
    [InlineData("""{"s":{"n":5},"t":{"n":5}}""", "<nil>: Invalid value: s is of a part", "s.n: Invalid value: 5: n is too big; t.n: Invalid value: 5: n is too big")]
    [InlineData("""{"s":{"n":5},"t":{"n":6}}""", "<nil>: Invalid value: s is of a part; t.n: Invalid value: 6: n is too big", "s.n: Invalid value: 5: n is too big")]
    [InlineData("""{"s":{"n":6},"t":{"n":1}}""", "<nil>: Invalid value: s is of a part; s.n: Invalid value: 6: n is too big", "")]
    public void A_rule_that_was_broken_before_warns_but_not_one_of_a_part(string json, string errors, string warnings)
    {
        const string N = """{"type":"object","properties":{"n":{"type":"integer","x-kubernetes-validations":[{"rule":"self < 5","message":"n is too big"}]}}}""";
        var rules = new RuleValidation(Parse($$$"""
            {"type":"object","allOf":[{"x-kubernetes-validations":[{"rule":"!has(self.s)","message":"s is of a part"}]}],"properties":{"s":{{{N}}},"t":{{{N}}} } }
            """));
        var (obj, old) = (Parse(json), Parse("""{"s":{"n":5},"t":{"n":5}}"""));
        var found = new FieldErrors();
        rules.Validate(obj, old, found);
        Assert.Equal(errors, string.Join("; ", found));
        Assert.Equal(warnings, string.Join("; ", rules.Warnings(obj, old)));
    }

    [Theory]
    [InlineData("!has(self.none) && has(self.some) && 'null' in self.m", "")] // values of maps may be null, a field that is null is none
    [InlineData("self.none == 'x'", "no such key: none")]
    [InlineData("self.namespace == 'n' && self.__namespace__ == 'n' && self.obj.if == 1", "")]
    [InlineData("self.open[0] == self.open[1]", "failed rule")] // what nothing is declared of counts
    [InlineData("self.open[0] == self.open[2]", "")]
    [InlineData("'%s is %d'.format([self.namespace, self.obj.if]) == 'n is 1'", "")]
    [InlineData("self.namespace in ['n', 1]", "expected type 'string' but found 'int'")]
    [InlineData("self.embedded.metadata.namespace == 'ns'", "")]
    [InlineData("self.namespace.find(')') == ''", "invalid find argument")]
    public void A_rule_sees_a_value_as_upstream(string rule, string fault)
    {
        var schema = Parse("""
            {"type":"object","properties":{"none":{"type":"string","nullable":true},"some":{"type":"string","nullable":true},"namespace":{"type":"string"},
             "obj":{"type":"object","properties":{"if":{"type":"integer"}}},"m":{"type":"object","additionalProperties":{"type":"string","nullable":true}},
             "open":{"type":"array","items":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"a":{"type":"integer"}}}},
             "embedded":{"type":"object","x-kubernetes-embedded-resource":true,"properties":{"kind":{"type":"string"},"apiVersion":{"type":"string"},
              "metadata":{"type":"object","properties":{"name":{"type":"string"},"generateName":{"type":"string"},"namespace":{"type":"string"}}}}}}}
            """);
        schema["x-kubernetes-validations"] = new JsonArray(new JsonObject { ["rule"] = rule });
        var errors = new FieldErrors();
        new RuleValidation(schema, isRoot: false).Validate(Parse("""
            {"none":null,"some":"","namespace":"n","obj":{"if":1},"m":{"null":null},"open":[{"a":1,"x":1},{"a":1,"x":2},{"x":1,"a":1}],"embedded":{"kind":"P","apiVersion":"v1","metadata":{"name":"a","namespace":"ns"}}}
            """), null, errors);
        if (fault.Length == 0) Assert.Empty(errors);
        else Assert.Contains(fault, Assert.Single(errors).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":1,"m":{"x":1}}""", "")]
    [InlineData("""{"a":1,"m":{"y":1}}""", "m: Invalid value: \"object\": no such key: x evaluating rule: self['x'] > 0")] // that it was so before is no excuse
    [InlineData("""{"a":2,"m":{"y":1}}""", "m: Invalid value: \"object\": no such key: x evaluating rule: self['x'] > 0")]
    public void A_rule_that_cannot_be_asked_is_told_also_where_nothing_changed(string json, string expected)
    {
        var rules = new RuleValidation(Parse("""
            {"type":"object","properties":{"a":{"type":"integer"},"m":{"type":"object","additionalProperties":{"type":"integer"},"x-kubernetes-validations":[{"rule":"self['x'] > 0"}]}}}
            """));
        var errors = new FieldErrors();
        rules.Validate(Parse(json), Parse("""{"a":1,"m":{"y":1}}"""), errors);
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
