using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>Rows of webhooks and admission policies.</summary>
internal static class AdmissionRows
{
    public static JsonArray Webhooks(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Count("webhooks"), o.Age(now));

    public static JsonArray ValidatingPolicy(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Count("spec", "validations"), ParamKind(o), o.Age(now));

    public static JsonArray MutatingPolicy(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Count("spec", "mutations"), ParamKind(o), o.Age(now));

    public static JsonArray Binding(JsonObject o, DateTimeOffset now)
    {
        var parameter = "<unset>";
        if (o.At("spec", "paramRef") is { } reference)
        {
            // Whether parameters are cluster-scoped cannot be told from here: without a namespace it is any.
            if (reference.Text("name") is { Length: > 0 } name) parameter = $"{(reference.Text("namespace") is { Length: > 0 } ns ? ns : "*")}/{name}";
            else if (reference.At("selector") is JsonObject selector) parameter = GoText(selector);
        }
        return new JsonArray(o.Name(), o.Text("spec", "policyName"), parameter, o.Age(now));
    }

    private static string ParamKind(JsonObject o) =>
        o.At("spec", "paramKind") is { } kind ? $"{kind.Text("apiVersion")}/{kind.Text("kind")}" : "<unset>";

    /// <summary>A selector as Go's generated String method writes it.</summary>
    private static string GoText(JsonObject selector)
    {
        var labels = selector.At("matchLabels") is JsonObject map
            ? string.Concat(map.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}: {(string?)l.Value},"))
            : "";
        var expressions = selector.Items("matchExpressions")
            .Select(e => $"LabelSelectorRequirement{{Key:{e.Text("key")},Operator:{e.Text("operator")},Values:[{string.Join(' ', e.Texts("values"))}],}},");
        return $"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{string.Concat(expressions)}}},}}";
    }
}
