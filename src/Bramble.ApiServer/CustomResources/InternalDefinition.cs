using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>Parts of a definition as upstream's messages show them: its internal types have no JSON names, so that Go's stand there, of all fields.</summary>
internal static class InternalDefinition
{
    // GoName=jsonName, without "=" the same but for the first letter; "*" may be null, "?" is a bool, "#" a number, others are texts.
    private static readonly string[] SchemaFields =
        ("ID=id Schema=$schema Ref*=$ref Description Type Nullable? Format Title Default* Maximum* ExclusiveMaximum? Minimum* ExclusiveMinimum? MaxLength* MinLength* Pattern MaxItems* MinItems* UniqueItems? "
            + "MultipleOf* Enum* MaxProperties* MinProperties* Required* Items* AllOf* OneOf* AnyOf* Not* Properties* AdditionalProperties* PatternProperties* Dependencies* AdditionalItems* Definitions* ExternalDocs* Example* "
            + "XPreserveUnknownFields*=x-kubernetes-preserve-unknown-fields XEmbeddedResource?=x-kubernetes-embedded-resource XIntOrString?=x-kubernetes-int-or-string XListMapKeys*=x-kubernetes-list-map-keys "
            + "XListType*=x-kubernetes-list-type XMapType*=x-kubernetes-map-type XValidations*=x-kubernetes-validations").Split(' ');

    private static readonly string[] VersionFields = "Name Served? Storage? Deprecated? DeprecationWarning* Schema* Subresources* AdditionalPrinterColumns* SelectableFields*".Split(' ');
    private static readonly string[] ScaleFields = "SpecReplicasPath StatusReplicasPath LabelSelectorPath*".Split(' ');
    private static readonly string[] ColumnFields = "Name Type Format Description Priority# JSONPath=jsonPath".Split(' ');
    private static readonly string[] SelectableFields = ["JSONPath=jsonPath"];
    private static readonly string[] RuleFields = "Rule Message MessageExpression Reason* FieldPath OptionalOldSelf*".Split(' ');

    /// <param name="isShared">True of a field that all versions have in common: upstream keeps it once for all.</param>
    public static JsonArray Versions(JsonObject spec, Func<string, bool> isShared)
    {
        var shown = new JsonArray();
        foreach (var (_, version) in spec.Items("versions"))
            shown.Add((JsonNode)Show(version, VersionFields, (field, value) => isShared(field) ? null : field switch
            {
                "schema" => new JsonObject { ["OpenAPIV3Schema"] = value["openAPIV3Schema"] is JsonObject schema ? Schema(schema) : null },
                "subresources" => new JsonObject { ["Status"] = value["status"]?.DeepClone(), ["Scale"] = value["scale"] is JsonObject scale ? Show(scale, ScaleFields) : null },
                "additionalPrinterColumns" => List(value, column => Show(column, ColumnFields)),
                "selectableFields" => List(value, selectable => Show(selectable, SelectableFields)),
                _ => value.DeepClone(),
            }));
        return shown;
    }

    public static JsonObject Schema(JsonObject schema) => Show(schema, SchemaFields, (field, value) => field switch
    {
        "items" => new JsonObject { ["Schema"] = value is JsonObject one ? Schema(one) : null, ["JSONSchemas"] = value is JsonArray ? List(value, Schema) : null },
        "allOf" or "oneOf" or "anyOf" => List(value, Schema),
        "not" when value is JsonObject not => Schema(not),
        "properties" or "patternProperties" or "definitions" when value is JsonObject map =>
            new JsonObject(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, (JsonNode?)Schema(p.Value as JsonObject ?? [])))),
        "additionalProperties" or "additionalItems" => new JsonObject { ["Allows"] = value is JsonObject || value.GetValue<bool>(), ["Schema"] = value is JsonObject of ? Schema(of) : null },
        "x-kubernetes-validations" => List(value, Rule),
        _ => value.DeepClone(),
    });

    public static JsonObject Rule(JsonObject rule) => Show(rule, RuleFields);

    private static JsonArray List(JsonNode value, Func<JsonObject, JsonObject> show) =>
        value is JsonArray list ? new JsonArray([.. list.Select(item => (JsonNode)show(item as JsonObject ?? []))]) : [];

    private static JsonObject Show(JsonObject tree, string[] fields, Func<string, JsonNode, JsonNode?>? inner = null)
    {
        var shown = new JsonObject();
        foreach (var field in fields)
        {
            var at = field.IndexOf('=', StringComparison.Ordinal);
            var name = (at < 0 ? field : field[..at]).TrimEnd('*', '?', '#');
            var json = at < 0 ? char.ToLowerInvariant(name[0]) + name[1..] : field[(at + 1)..];
            JsonNode? none = field.Contains('*') ? null : field.Contains('?') ? false : field.Contains('#') ? 0 : "";
            shown[name] = tree[json] is not { } value ? none : inner is null ? value.DeepClone() : inner(json, value);
        }
        return shown;
    }
}
