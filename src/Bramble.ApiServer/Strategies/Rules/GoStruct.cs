using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>An API structure as upstream's messages show it: with the names of its Go fields, all of them, absent ones as zero or null.</summary>
internal static class GoStruct
{
    /// <param name="fields">Go name and value when absent, in the order of the declaration; JSON's name is the Go name in lower camel case.</param>
    public static JsonObject Show(JsonObject? tree, params ReadOnlySpan<(string Name, JsonNode? Zero)> fields)
    {
        var shown = new JsonObject();
        foreach (var (name, zero) in fields)
        {
            var json = JsonName(name);
            shown[name] = tree is not null && tree.TryGetPropertyValue(json, out var value) && value is not null ? Nested(value) : zero?.DeepClone();
        }

        return shown;
    }

    /// <summary>A Go map: shown with its keys sorted.</summary>
    public static JsonObject? Map(JsonObject? map)
    {
        if (map is null) return null;
        var shown = new JsonObject();
        foreach (var (name, value) in map.OrderBy(member => member.Key, StringComparer.Ordinal)) shown[name] = value?.DeepClone();
        return shown;
    }

    private static JsonNode? Nested(JsonNode? value)
    {
        switch (value)
        {
            case JsonObject map:
                var shown = new JsonObject();
                foreach (var (name, member) in map) shown[name.Length == 0 ? name : char.ToUpperInvariant(name[0]) + name[1..]] = Nested(member);
                return shown;
            case JsonArray list:
                return new JsonArray([.. list.Select(Nested)]);
            default:
                return value?.DeepClone();
        }
    }

    public static string JsonName(string name)
    {
        // SELinuxOptions → seLinuxOptions, APIGroup → apiGroup, UID → uid
        var capitals = name.TakeWhile(char.IsAsciiLetterUpper).Count();
        if (capitals == name.Length) return name.ToLowerInvariant();
        return name[..Math.Max(1, capitals - 1)].ToLowerInvariant() + name[Math.Max(1, capitals - 1)..];
    }
}
