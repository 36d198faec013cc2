using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>Removes what a structural schema does not know from a custom resource, and makes the metadata of objects inside it what every object's is (apiextensions' pruning and objectmeta).</summary>
/// <param name="reportsUnknown">What goes is told.</param>
/// <param name="isStored">The object comes from the store: fields of metadata of a wrong type go, nobody is there to be told.</param>
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
            case JsonObject map when type.Kind is SchemaKind.Struct or SchemaKind.Map or SchemaKind.Any:
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
            case JsonArray list when ItemsOf(type) is { } items:
                for (var i = 0; i < list.Count; i++) Prune(list[i], items, $"{path}[{i}]");
                break;
        }
    }

    /// <summary>What nothing is said of is not known either in the items of a list.</summary>
    private static SchemaType? ItemsOf(SchemaType type) => type.Kind == SchemaKind.Array ? type.Element : type is { Kind: SchemaKind.Any, PreservesUnknownFields: false } ? type : null;

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
        var read = Metadata(value, inner);
        if (inner.TypeError is { } wrong)
        {
            if (!isStored) TypeError ??= new FieldError(FieldErrorType.Invalid, at, FieldError.Show(value), wrong).ToString();
            if (!isStored || value is not JsonObject fields) return;
            read = Readable(fields);
        }
        foreach (var unknown in inner.StrictErrors) _embedded.Add(unknown.Replace("unknown field \"", $"unknown field \"{at}.", StringComparison.Ordinal));
        if (read?["creationTimestamp"] is null) read?.Remove("creationTimestamp");
        map[name] = read ?? [];
    }

    private static JsonObject? Metadata(JsonNode? value, StructReader reader)
    {
        var json = ObjectDecoder.NewReader(TreeText.Write(value).Span);
        return reader.ReadRoot(ref json, BuiltInSchemas.Find(StructuralMetadata)!) as JsonObject;
    }

    /// <summary>One wrong field does not take the others along.</summary>
    private static JsonObject Readable(JsonObject fields)
    {
        var kept = new JsonObject();
        foreach (var (name, value) in fields)
        {
            var inner = new StructReader(isStrict: false);
            if (Metadata(new JsonObject { [name] = value?.DeepClone() }, inner)?[name] is { } read && inner.TypeError is null) kept[name] = read.DeepClone();
        }
        return kept;
    }

    private const string StructuralMetadata = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
