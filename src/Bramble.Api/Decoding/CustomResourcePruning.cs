using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>Removes what a structural schema does not know from a custom resource (apiextensions' pruning).</summary>
internal static class CustomResourcePruning
{
    /// <param name="unknown">Where <c>unknown field "spec.x"</c> goes; null: nowhere.</param>
    public static void Prune(JsonNode? node, SchemaType type, string path, List<string>? unknown)
    {
        switch (node)
        {
            case JsonObject map when type.Kind == SchemaKind.Struct:
                foreach (var name in map.Select(p => p.Key).ToArray())
                {
                    if (type.FindField(name) is { } field)
                    {
                        Prune(map[name], field.Type, Join(path, name), unknown);
                    }
                    else if (type.IsEmbeddedResource && name is "apiVersion" or "kind" or "metadata")
                    {
                        continue;
                    }
                    else if (type.Element is { } values)
                    {
                        Prune(map[name], values, Join(path, name), unknown);
                    }
                    else if (!type.PreservesUnknownFields)
                    {
                        map.Remove(name);
                        unknown?.Add($"unknown field {FieldError.Quote(Join(path, name))}");
                    }
                }
                break;
            case JsonObject map when type is { Kind: SchemaKind.Map, Element: { } values }:
                foreach (var (name, value) in map) Prune(value, values, Join(path, name), unknown);
                break;
            case JsonArray list when type.Element is { } items:
                for (var i = 0; i < list.Count; i++) Prune(list[i], items, $"{path}[{i}]", unknown);
                break;
        }
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
