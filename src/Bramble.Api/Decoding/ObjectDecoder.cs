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
        var found = FindKind(body.Span, out var kindError);
        if (kindError is not null) throw Unrecognized(expected.Kind, kindError, original.Span);
        if (!GroupVersion.TryParse(found.ApiVersion, out var version)) throw Unrecognized(expected.Kind, $"unexpected GroupVersion string: {found.ApiVersion}", original.Span);
        var kind = WithDefaults(new GroupVersionKind(version.Group, version.Version, found.Kind), expected);
        if (kind != expected)
        {
            if (BuiltInSchemas.FindKind(kind) is null && kind is not { Group: "", Kind: "List" })
                throw Unhandled(kind, expected, $"no kind \"{kind.Kind}\" is registered for version \"{kind.GroupVersion}\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"");
            if (kind.Kind != expected.Kind || kind.Group != expected.Group)
                throw Unhandled(kind, expected, $"converting ({GoName(kind)}) to ({InternalName(expected)}): unknown conversion");
            throw StatusErrors.BadRequest($"the API version in the data ({kind.GroupVersion}) does not match the expected API version ({expected.GroupVersion})");
        }
        var (tree, strictErrors) = Read(body, type, validation, error => Unhandled(kind, expected, error));
        if (validation == FieldValidation.Strict && strictErrors.Count + yamlErrors.Count > 0)
        {
            var errors = yamlErrors.Count > 0 ? strictErrors.Prepend(YamlToJson.UnmarshalErrors(yamlErrors)) : strictErrors;
            throw Unhandled(kind, expected, "strict decoding error: " + string.Join(", ", errors));
        }
        SetKind(tree, expected);
        return new DecodedObject(tree, kind, validation == FieldValidation.Warn ? [.. yamlErrors, .. strictErrors] : []);
    }

    /// <summary>As the other overload, for the type's own kind.</summary>
    public static DecodedObject Decode(ReadOnlyMemory<byte> body, BodyFormat format, SchemaType type, FieldValidation validation) =>
        Decode(body, format, type, type.GroupVersionKinds[0], validation);

    /// <summary>Reads JSON of a known kind; for patched objects and options, whose errors are worded by the caller.</summary>
    /// <param name="refuse">Makes the exception of a decoder's message.</param>
    public static (JsonObject Tree, List<string> StrictErrors) Read(ReadOnlyMemory<byte> json, SchemaType type, FieldValidation validation, Func<string, Exception> refuse)
    {
        var structReader = new StructReader(validation != FieldValidation.Ignore);
        try
        {
            var reader = NewReader(json.Span);
            // null as a whole object is an empty one, as in Go.
            var root = structReader.ReadRoot(ref reader, type) ?? StructShape.Zero(type) ?? new JsonObject();
            reader.Read();
            if (structReader.TypeError is { } typeError) throw refuse(typeError);
            return ((JsonObject)root, structReader.StrictErrors);
        }
        catch (GoUnmarshalException failed)
        {
            throw refuse(failed.Message);
        }
        catch (Exception failed) when (failed is JsonException or InvalidOperationException)
        {
            if (GoJsonSyntax.FindError(json.Span) is { } error) throw refuse(error);
            return Read(GoText.Repair(json.Span), type, validation, refuse);
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

    private static (string ApiVersion, string Kind) FindKind(ReadOnlySpan<byte> json, out string? error)
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
        catch (Exception failed) when (failed is JsonException or InvalidOperationException)
        {
            if (GoJsonSyntax.FindError(json) is not { } syntax) return FindKind(GoText.Repair(json).Span, out error);
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
