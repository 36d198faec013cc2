using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.CustomResources;

namespace Bramble.ApiServer.Tests;

/// <summary>What a CustomResourceDefinition may say: cases of apiextensions' validation tests.</summary>
public class DefinitionRulesTests
{
    private static List<string> Faults(string schema, string more = "", JsonObject? old = null)
    {
        var errors = new FieldErrors();
        DefinitionRules.Validate(Definition(schema, more), old, errors);
        return [.. errors.Select(e => e.ToString())];
    }

    private static JsonObject Definition(string schema, string more = "") => JsonNode.Parse($$"""
        {"metadata":{"name":"things.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"things","singular":"thing","kind":"Thing","listKind":"ThingList"},
        "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{{schema}} }{{more}} } ] },"status":{"storedVersions":["v1"]} }
        """)!.AsObject();

    [Theory]
    [InlineData("""{"type":"object","properties":{"spec":{}}}""", "spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"array"}}}""", "spec.validation.openAPIV3Schema.properties[a].items: Required value: must be specified")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string","default":5}}}""", "spec.validation.openAPIV3Schema.properties[a].default: Invalid value: \"integer\": ")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"string"}},"default":{"c":1}}}}""", "spec.validation.openAPIV3Schema.properties[a].default: Invalid value: {\"c\":1}: must not have unknown fields")]
    [InlineData("""{"type":"object","anyOf":[{"properties":{"x":{"minLength":1}}}]}""", "spec.validation.openAPIV3Schema.properties[x]: Required value: because it is defined in spec.validation.openAPIV3Schema.anyOf[0].properties[x]")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"array","x-kubernetes-list-type":"map","items":{"type":"object","properties":{"k":{"type":"string"}}}}}}""", "spec.validation.openAPIV3Schema.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string","pattern":"["}}}""", "must be a valid regular expression, but isn't")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"object","additionalProperties":{"type":"string"},"properties":{"b":{"type":"string"}}}}}""", "spec.validation.openAPIV3Schema.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"array","uniqueItems":true,"items":{"type":"string"}}}}""", "uniqueItems cannot be set to true since the runtime complexity becomes quadratic")]
    [InlineData("""{"type":"object","properties":{"metadata":{"type":"object","properties":{"labels":{"type":"object","additionalProperties":{"type":"string"}}}}}}""", "must not specify anything other than name and generateName, but metadata is implicitly specified")]
    [InlineData("""{"type":"object","x-kubernetes-validations":[{"rule":"self.x > 1"}]}""", "compilation failed: ERROR: <input>:1:5: undefined field 'x'")]
    [InlineData("""{"type":"object","x-kubernetes-validations":[{"rule":"'a'"}]}""", "cel expression must evaluate to a bool")]
    [InlineData("""{"type":"object","x-kubernetes-validations":[{"rule":"true","reason":"Nonsense"}]}""", "Unsupported value: \"Nonsense\"")]
    [InlineData("""{"type":"object","x-kubernetes-validations":[{"rule":"true","fieldPath":".nope"}]}""", "must be a valid path")]
    [InlineData("""{"type":"object","properties":{"l":{"type":"array","items":{"type":"string","x-kubernetes-validations":[{"rule":"self.matches('a') && self != oldSelf"}]}}}}""", "oldSelf cannot be used on the uncorrelatable portion of the schema within")]
    [InlineData("""{"type":"object","properties":{"l":{"type":"array","items":{"type":"array","items":{"type":"string","x-kubernetes-validations":[{"rule":"self.contains('a')"}]}}}}}""", "estimated rule cost exceeds budget by factor of")]
    [InlineData("""{"type":"object","properties":{"n":{"type":"integer","default":1,"x-kubernetes-validations":[{"rule":"self > oldSelf"}]}}}""", "spec.validation.openAPIV3Schema.properties[n].default: Invalid value: 1: failed rule: self > oldSelf")]
    [InlineData("""{"type":"object","properties":{"x":{"x-kubernetes-preserve-unknown-fields":true,"x-kubernetes-validations":[{"rule":"self == 1"}]}}}""", "spec.validation.openAPIV3Schema.properties[x].x-kubernetes-validations: Internal error: internal error: failed to construct type information for")]
    public void A_wrong_schema_is_refused(string schema, string fault) => Assert.Contains(Faults(schema), shown => shown.Contains(fault, StringComparison.Ordinal));

    [Theory]
    [InlineData("""{"type":"object","properties":{"spec":{"type":"object","properties":{"n":{"type":"integer","default":1},"s":{"type":"string","maxLength":10}},"x-kubernetes-validations":[{"rule":"self.n > 0 && self.s != ''","message":"m"}]}}}""")]
    [InlineData("""{"type":"object","x-kubernetes-preserve-unknown-fields":true}""")]
    [InlineData("""{"type":"object","properties":{"p":{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]}}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"array","maxItems":5,"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"type":"object","required":["k"],"properties":{"k":{"type":"string"}},"x-kubernetes-validations":[{"rule":"self == oldSelf"}]}}}}""")]
    [InlineData("""{"type":"object","properties":{"o":{"type":"object","x-kubernetes-embedded-resource":true,"properties":{"x":{"type":"string"}},"default":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","unknown":"b"}}}}}""")]
    [InlineData("""{"type":"object","properties":{"n":{"type":"integer","default":1,"x-kubernetes-validations":[{"rule":"self >= oldSelf"},{"rule":"!oldSelf.hasValue() || self == oldSelf.value()","optionalOldSelf":true}]}}}""")]
    public void A_right_schema_is_taken(string schema) => Assert.Empty(Faults(schema));

    [Theory]
    [InlineData(""","selectableFields":[{"jsonPath":".spec.x"}]""", "spec.selectableFields[0].jsonPath: Invalid value: \".spec.x\": is an invalid path: does not refer to a valid field")]
    [InlineData(""","selectableFields":[{"jsonPath":".spec.a"},{"jsonPath":".spec.a"}]""", "spec.selectableFields[1].jsonPath: Duplicate value: \".spec.a\"")]
    [InlineData(""","selectableFields":[{"jsonPath":".spec"}]""", "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.")]
    [InlineData(""","deprecationWarning":"old" """, "spec.versions[0].deprecationWarning: Invalid value: \"old\": can only be set for deprecated versions")]
    public void A_wrong_version_is_refused(string more, string fault) =>
        Assert.Contains(Faults("""{"type":"object","properties":{"spec":{"type":"object","properties":{"a":{"type":"string"}}}}}""", more), shown => shown.Contains(fault, StringComparison.Ordinal));

    [Fact]
    public void What_names_the_storage_stays()
    {
        var old = Definition("""{"type":"object"}""");
        var now = Definition("""{"type":"object"}""");
        now["spec"]!["names"]!["kind"] = "Other";
        var errors = new FieldErrors();
        DefinitionRules.Validate(now, old, errors);
        Assert.Empty(errors);
        old["status"]!["conditions"] = new JsonArray(new JsonObject { ["type"] = "Established", ["status"] = "True" });
        DefinitionRules.Validate(now, old, errors);
        Assert.Equal(["spec.names.kind: Invalid value: \"Other\": field is immutable"], errors.Select(e => e.ToString()));
    }

    [Fact]
    public void Formats_that_nobody_checks_are_told_once()
    {
        var definition = Definition("""{"type":"object","properties":{"a":{"type":"string","format":"nonsense"},"b":{"type":"string","format":"date-time"},"c":{"type":"integer","format":"int32"}}}""");
        Assert.Equal(["unrecognized format \"nonsense\""], DefinitionFormats.Warnings(definition, null));
        Assert.Empty(DefinitionFormats.Warnings(definition, definition));
    }

    [Fact]
    public void Versions_are_shown_as_upstreams_structure_has_them()
    {
        const string shown = """
            spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v2","Served":false,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":{"Status":null,"Scale":{"SpecReplicasPath":".spec.a","StatusReplicasPath":".status.a","LabelSelectorPath":null}},"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version
            """;
        Assert.Contains(shown, Faults("""{"type":"object"}""",
            """},{"name":"v2","served":false,"storage":true,"subresources":{"scale":{"specReplicasPath":".spec.a","statusReplicasPath":".status.a"}},"schema":{"openAPIV3Schema":{"type":"object"}}"""));
    }

    [Fact]
    public void A_schema_is_shown_as_upstreams_structure_has_it() => Assert.Equal(
        """{"OpenAPIV3Schema":{"ID":"","Schema":"","Ref":null,"Description":"","Type":"object","Nullable":false,"Format":"","Title":"","Default":null,"Maximum":null,"ExclusiveMaximum":false,"Minimum":null,"ExclusiveMinimum":false,"MaxLength":null,"MinLength":null,"Pattern":"","MaxItems":null,"MinItems":null,"UniqueItems":false,"MultipleOf":null,"Enum":null,"MaxProperties":null,"MinProperties":null,"Required":["a"],"Items":null,"AllOf":null,"OneOf":null,"AnyOf":null,"Not":null,"Properties":null,"AdditionalProperties":{"Allows":false,"Schema":null},"PatternProperties":null,"Dependencies":null,"AdditionalItems":null,"Definitions":null,"ExternalDocs":null,"Example":null,"XPreserveUnknownFields":true,"XEmbeddedResource":false,"XIntOrString":false,"XListMapKeys":null,"XListType":null,"XMapType":null,"XValidations":null}}""",
        InternalDefinition.Versions(JsonNode.Parse("""{"versions":[{"schema":{"openAPIV3Schema":{"type":"object","required":["a"],"additionalProperties":false,"x-kubernetes-preserve-unknown-fields":true}}}]}""")!.AsObject(), _ => false)[0]!["Schema"]!.ToJsonString());

    [Theory]
    [InlineData("""{"name":"v1"},{"name":"v2","served":true}""", null)]
    [InlineData("""{"name":"v1","deprecated":true}""", "e.com/v1 W is deprecated")]
    [InlineData("""{"name":"v1","deprecated":true,"deprecationWarning":"go away"}""", "go away")]
    [InlineData("""{"name":"v1beta1","deprecated":true},{"name":"v1","served":true},{"name":"v3","served":true},{"name":"v4"},{"name":"v5","served":true,"deprecated":true}""", "e.com/v1beta1 W is deprecated; use e.com/v3 W")]
    [InlineData("""{"name":"v2","deprecated":true},{"name":"v1","served":true}""", "e.com/v2 W is deprecated")]
    public void A_deprecated_version_warns(string versions, string? warning)
    {
        var spec = JsonNode.Parse($$"""{"group":"e.com","names":{"kind":"W"},"versions":[{{versions}}]}""")!.AsObject();
        Assert.Equal(warning, Bramble.ApiServer.CustomResources.Definition.DeprecationOf(spec, spec["versions"]![0]!.AsObject()));
    }
}
