using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>Removes what a structural schema does not know from a custom resource, and makes the metadata of objects inside it what every object's is (apiextensions' pruning and objectmeta).</summary>
/// <param name="reportsUnknown">What goes is told.</param>
/// <param name="isStored">The object comes from the store: metadata of a wrong type goes, nobody is there to be told.</param>
internal sealed class CustomResourcePruning(bool reportsUnknown, bool isStored = false)
{
    private readonly List<string> _inMetadata = [];
    private readonly List<string> _unknown = [];
    private readonly List<string> _embedded = [];

    /// <summary><c>unknown field "spec.x"</c>: those of metadata first, those of objects inside last.</summary>
    public IReadOnlyList<string> Unknown => [.. _inMetadata, .. _unknown.Order(StringComparer.Ordinal), .. _embedded.Order(StringComparer.Ordinal)];

    /// <summary>The first thing that cannot be metadata of an object.</summary>
    public string? TypeError { get; private set; }

    public void Prune(JsonNode? node, SchemaType type, string path = "")
    {
        switch (node)
        {
            case JsonObject map when type.Kind == SchemaKind.Struct:
                foreach (var name in map.Select(p => p.Key).ToArray())
                {
                    if (type.IsEmbeddedResource && name is "apiVersion" or "kind" or "metadata") Embedded(map, name, path);
                    else if (type.FindField(name) is { } field)
                    {
                        Prune(map[name], field.Type, Join(path, name));
                    }
                    else if (type.Element is { } values)
                    {
                        Prune(map[name], values, Join(path, name));
                    }
                    else if (!type.PreservesUnknownFields)
                    {
                        map.Remove(name);
                        if (reportsUnknown) (Join(path, name).StartsWith("metadata.", StringComparison.Ordinal) ? _inMetadata : _unknown).Add($"unknown field {FieldError.Quote(Join(path, name))}");
                    }
                }
                break;
            case JsonObject map when type is { Kind: SchemaKind.Map, Element: { } values }:
                foreach (var (name, value) in map) Prune(value, values, Join(path, name));
                break;
            case JsonArray list when type.Element is { } items:
                for (var i = 0; i < list.Count; i++) Prune(list[i], items, $"{path}[{i}]");
                break;
        }
    }

    private void Embedded(JsonObject map, string name, string path)
    {
        var (value, at) = (map[name], Join(path, name));
        if (name != "metadata")
        {
            if (value is JsonValue text && text.GetValueKind() == JsonValueKind.String) return;
            if (isStored) map.Remove(name);
            else TypeError ??= new FieldError(FieldErrorType.Invalid, at, FieldError.Show(value), "must be a string").ToString();
            return;
        }
        var inner = new StructReader(reportsUnknown && !isStored);
        var json = ObjectDecoder.NewReader(TreeText.Write(value).Span);
        var read = inner.ReadRoot(ref json, BuiltInSchemas.Find(StructuralMetadata)!) as JsonObject;
        if (inner.TypeError is { } wrong)
        {
            if (isStored) map.Remove(name);
            else TypeError ??= new FieldError(FieldErrorType.Invalid, at, FieldError.Show(value), wrong).ToString();
            return;
        }
        foreach (var unknown in inner.StrictErrors) _embedded.Add(unknown.Replace("unknown field \"", $"unknown field \"{at}.", StringComparison.Ordinal));
        if (read?["creationTimestamp"] is null) read?.Remove("creationTimestamp");
        map[name] = read ?? [];
    }

    private const string StructuralMetadata = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
