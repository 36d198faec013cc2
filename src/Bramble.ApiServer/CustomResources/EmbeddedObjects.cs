using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.CustomResources;

/// <summary>What objects inside a custom resource (x-kubernetes-embedded-resource) must have: a kind, a version, metadata as every object's. Behaviour of apiextensions' objectmeta validation. Pure.</summary>
internal static class EmbeddedObjects
{
    public static void Validate(JsonNode? node, JsonObject schema, FieldErrors errors, string path = "")
    {
        switch (node)
        {
            case JsonObject map:
                if (schema.Bool("x-kubernetes-embedded-resource")) One(map, path, errors);
                foreach (var (name, value) in map)
                    if (schema.Object("properties").Object(name) is { } property) Validate(value, property, errors, Join(path, name));
                    else if (schema.Object("additionalProperties") is { } values) Validate(value, values, errors, $"{path}[{name}]");
                break;
            case JsonArray list when schema.Object("items") is { } items:
                for (var i = 0; i < list.Count; i++) Validate(list[i], items, errors, $"{path}[{i.ToString(CultureInfo.InvariantCulture)}]");
                break;
        }
    }

    private static void One(JsonObject obj, string path, FieldErrors errors)
    {
        foreach (var name in (ReadOnlySpan<string>)["apiVersion", "kind"])
        {
            var at = Join(path, name);
            if (!obj.TryGetPropertyValue(name, out var value)) errors.Required(at);
            else if (value is not JsonValue || value.GetValueKind() != JsonValueKind.String) errors.Invalid(at, value?.DeepClone(), "must be a string");
            else if (obj.Text(name) is not { Length: > 0 } text) errors.Invalid(at, "", "must not be empty");
            else if (name == "kind")
            {
                if (Names.Dns1035Label(text.ToLowerInvariant()) is { Count: > 0 } wrong) errors.Invalid(at, text, "may have mixed case, but should otherwise match: " + string.Join(',', wrong));
            }
            else if (!GroupVersion.TryParse(text, out _)) errors.Invalid(at, text, $"unexpected GroupVersion string: {text}");
        }
        if (obj.Object("metadata") is not { } metadata) return;
        var named = metadata;
        if (metadata.Text("name").Length == 0)
        {
            named = (JsonObject)metadata.DeepClone();
            named["name"] = "fakename"; // it needs none
        }
        var found = new FieldErrors();
        MetadataRules.Validate(named, named.Text("namespace").Length > 0, static (name, isPrefix) => Names.PathSegment(name, isPrefix), found, allowsPlainFinalizers: true);
        foreach (var error in found) errors.Add(error with { Field = Join(path, error.Field) });
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
