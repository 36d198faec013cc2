using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>Turns a request's body into an object's tree. A refusal is a <see cref="StatusException"/> with upstream's 400.</summary>
public static class ObjectDecoder
{
    /// <summary>Decodes a body that should be of kind <paramref name="expected"/>, whose root type is <paramref name="type"/>.</summary>
    /// <exception cref="StatusException">400: not JSON or YAML, another kind, a value of a wrong type, or an unknown or repeated field under <see cref="FieldValidation.Strict"/>.</exception>
    public static DecodedObject Decode(ReadOnlyMemory<byte> body, BodyFormat format, SchemaType type, GroupVersionKind expected, FieldValidation validation)
    {
        var original = body;
        var yamlErrors = new List<string>();
        if (format == BodyFormat.Yaml)
        {
            try
            {
                body = YamlToJson.Convert(body.Span, yamlErrors);
            }
            catch (YamlSyntaxException failed)
            {
                throw Unrecognized(expected.Kind, failed.Message, original.Span);
            }
        }
        var (tree, kind, strictErrors) = ReadKind(
            body,
            type,
            expected,
            validation,
            (error, found) => found is { } known ? Unhandled(known, expected, error) : Unrecognized(expected.Kind, error, original.Span));
        if (validation == FieldValidation.Strict && strictErrors.Count + yamlErrors.Count > 0)
        {
            var errors = yamlErrors.Count > 0 ? strictErrors.Prepend(YamlToJson.UnmarshalErrors(yamlErrors)) : strictErrors;
            throw Unhandled(kind, expected, "strict decoding error: " + string.Join(", ", errors));
        }
        return new DecodedObject(tree, kind, validation == FieldValidation.Warn ? [.. yamlErrors, .. strictErrors] : []);
    }

    /// <summary>As the other overload, for the type's own kind.</summary>
    public static DecodedObject Decode(ReadOnlyMemory<byte> body, BodyFormat format, SchemaType type, FieldValidation validation) =>
        Decode(body, format, type, type.GroupVersionKinds[0], validation);

    /// <summary>Reads JSON that says its kind; for patched objects, whose errors are worded by the caller.</summary>
    internal static (JsonObject Tree, GroupVersionKind Kind, List<string> StrictErrors) ReadKind(
        ReadOnlyMemory<byte> json, SchemaType type, GroupVersionKind expected, FieldValidation validation, Func<string, Exception> refuse) =>
        ReadKind(json, type, expected, validation, (error, _) => refuse(error));

    private static (JsonObject Tree, GroupVersionKind Kind, List<string> StrictErrors) ReadKind(
        ReadOnlyMemory<byte> json, SchemaType type, GroupVersionKind expected, FieldValidation validation, Func<string, GroupVersionKind?, Exception> refuse)
    {
        var found = FindKind(json.Span, out var kindError);
        if (kindError is not null) throw refuse(kindError, null);
        if (!GroupVersion.TryParse(found.ApiVersion, out var version)) throw refuse($"unexpected GroupVersion string: {found.ApiVersion}", null);
        var kind = WithDefaults(new GroupVersionKind(version.Group, version.Version, found.Kind), expected);
        // Only built-in kinds are filled in where a body leaves them out.
        if (type.IsCustom && (found.Kind.Length == 0 || found.ApiVersion.Length == 0))
            throw refuse($"Object '{(found.Kind.Length == 0 ? "Kind" : "apiVersion")}' is missing in '{Encoding.UTF8.GetString(json.Span)}'", null);
        // pods/eviction takes the version before it too, which says the same.
        if (kind is { Group: "policy", Version: "v1beta1", Kind: "Eviction" } && expected is { Group: "policy", Kind: "Eviction" }) kind = expected;
        if (kind != expected)
        {
            if (type.IsCustom)
            {
                if (kind.GroupVersion != expected.GroupVersion)
                    throw StatusErrors.BadRequest($"the API version in the data ({kind.GroupVersion}) does not match the expected API version ({expected.GroupVersion})");
                // Another kind is the validation's to refuse.
                var (custom, customErrors) = Read(json, type, validation, error => refuse(error, kind));
                SetKind(custom, kind);
                return (custom, kind, customErrors);
            }
            if (kind.Version.Length == 0) throw refuse($"Object 'apiVersion' is missing in '{Encoding.UTF8.GetString(json.Span)}'", kind);
            var other = BuiltInSchemas.FindKind(kind);
            if (other is null && kind is not { Group: "", Kind: "List" })
                throw refuse($"no kind \"{kind.Kind}\" is registered for version \"{kind.GroupVersion}\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"", kind);
            // It is read as what it says it is first, so its own errors come before the conversion's.
            if (other is not null) Read(json, other, FieldValidation.Ignore, error => refuse(error, kind));
            if (kind.Kind != expected.Kind || kind.Group != expected.Group)
                throw refuse($"converting ({GoName(kind)}) to ({InternalName(expected)}): unknown conversion", kind);
            throw StatusErrors.BadRequest($"the API version in the data ({kind.GroupVersion}) does not match the expected API version ({expected.GroupVersion})");
        }
        var (tree, strictErrors) = Read(json, type, validation, error => refuse(error, kind));
        SetKind(tree, expected);
        return (tree, kind, strictErrors);
    }

    /// <summary>Reads JSON of a known kind; for patched objects and options, whose errors are worded by the caller.</summary>
    /// <param name="refuse">Makes the exception of a decoder's message.</param>
    public static (JsonObject Tree, List<string> StrictErrors) Read(ReadOnlyMemory<byte> json, SchemaType type, FieldValidation validation, Func<string, Exception> refuse)
    {
        var (node, strictErrors) = ReadNode(json, type, validation, refuse);
        // null as a whole object is an empty one, as in Go.
        return ((node ?? StructShape.Zero(type)) as JsonObject ?? [], strictErrors);
    }

    /// <summary>Reads JSON of any type.</summary>
    internal static (JsonNode? Node, List<string> StrictErrors) ReadNode(ReadOnlyMemory<byte> json, SchemaType type, FieldValidation validation, Func<string, Exception> refuse, bool isRepaired = false)
    {
        var structReader = new StructReader(validation != FieldValidation.Ignore, json);
        try
        {
            var reader = NewReader(json.Span);
            var node = structReader.ReadRoot(ref reader, type);
            // Reading on finds what follows the value: an error of the text.
            reader.Read();
            if (structReader.TypeError is { } typeError) throw refuse(typeError);
            return (node, structReader.StrictErrors);
        }
        catch (GoUnmarshalException failed)
        {
            throw refuse(failed.Message);
        }
        catch (Exception failed) when (!isRepaired && failed is (JsonException or InvalidOperationException))
        {
            if (GoJsonSyntax.FindError(json.Span) is { } error) throw refuse(error);
            return ReadNode(GoText.Repair(json.Span), type, validation, refuse, isRepaired: true);
        }
    }

    // kind and apiVersion come first, as the server writes them.
    internal static void SetKind(JsonObject tree, GroupVersionKind kind)
    {
        if (!tree.ContainsKey("kind")) tree.Insert(0, "kind", null);
        tree["kind"] = kind.Kind;
        if (!tree.ContainsKey("apiVersion")) tree.Insert(1, "apiVersion", null);
        tree["apiVersion"] = kind.GroupVersion.ToString();
    }

    internal static Utf8JsonReader NewReader(ReadOnlySpan<byte> json) => new(json, new JsonReaderOptions { MaxDepth = GoJsonSyntax.DepthMax });

    private static (string ApiVersion, string Kind) FindKind(ReadOnlySpan<byte> json, out string? error, bool isRepaired = false)
    {
        var apiVersion = "";
        var kind = "";
        error = null;
        try
        {
            var reader = NewReader(json);
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    // Go's decoder ignores case here: it is the ordinary one.
                    var name = reader.ValueSpan.Length is 4 or 10 ? reader.GetString()! : "";
                    reader.Read();
                    var isKind = name.Equals("kind", StringComparison.OrdinalIgnoreCase);
                    if (!isKind && !name.Equals("apiVersion", StringComparison.OrdinalIgnoreCase))
                    {
                        reader.Skip();
                        continue;
                    }
                    if (reader.TokenType == JsonTokenType.String)
                    {
                        if (isKind) kind = reader.GetString()!;
                        else apiVersion = reader.GetString()!;
                    }
                    else if (reader.TokenType != JsonTokenType.Null)
                    {
                        var field = isKind ? "kind" : "apiVersion";
                        error ??= $"couldn't get version/kind; json parse error: json: cannot unmarshal {What(reader.TokenType)} into Go struct field .{field} of type string";
                        reader.Skip();
                    }
                }
                while (reader.Read()) { }
            }
            else if (reader.TokenType != JsonTokenType.Null)
            {
                error = $"couldn't get version/kind; json parse error: json: cannot unmarshal {What(reader.TokenType)} into Go value of type {KindProbe}";
                reader.Skip();
                while (reader.Read()) { }
            }
        }
        catch (Exception failed) when (!isRepaired && failed is (JsonException or InvalidOperationException))
        {
            if (GoJsonSyntax.FindError(json) is not { } syntax) return FindKind(GoText.Repair(json).Span, out error, isRepaired: true);
            error = $"couldn't get version/kind; json parse error: {syntax}";
        }
        return (apiVersion, kind);
    }

    private const string KindProbe = "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }";

    internal static string What(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "object",
        JsonTokenType.StartArray => "array",
        JsonTokenType.String => "string",
        JsonTokenType.Number => "number",
        _ => "bool",
    };

    private static GroupVersionKind WithDefaults(GroupVersionKind actual, GroupVersionKind expected)
    {
        if (actual.Kind.Length == 0) actual = actual with { Kind = expected.Kind };
        if (actual.Version.Length == 0 && (actual.Group.Length == 0 || actual.Group == expected.Group)) actual = actual with { Group = expected.Group, Version = expected.Version };
        return actual;
    }

    private static StatusException Unrecognized(string kind, string error, ReadOnlySpan<byte> body) =>
        StatusErrors.BadRequest($"the object provided is unrecognized (must be of type {kind}): {error} ({Summarize(body)})");

    private static StatusException Unhandled(GroupVersionKind kind, GroupVersionKind expected, string error) =>
        StatusErrors.BadRequest($"{kind.Kind} in version \"{kind.Version}\" cannot be handled as a {expected.Kind}: {error}");

    // Upstream shows 30 bytes of a text, as text when it begins like JSON.
    private static string Summarize(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty) return "<empty>";
        var head = body[..Math.Min(30, body.Length)];
        if (body[0] == '{') return body.Length > 30 ? $"{Encoding.UTF8.GetString(head)} ..." : Encoding.UTF8.GetString(body);
        return body.Length > 30 ? $"{Convert.ToHexStringLower(head)} ..." : Convert.ToHexStringLower(body);
    }

    private static string GoName(GroupVersionKind kind) => $"{kind.Version}.{kind.Kind}";

    private static string InternalName(GroupVersionKind kind) => $"{(kind.Group.Length == 0 ? "core" : kind.Group.Split('.')[0])}.{kind.Kind}";
}
