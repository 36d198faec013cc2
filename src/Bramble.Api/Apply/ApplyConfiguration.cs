using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>The body of a server-side apply.</summary>
public static class ApplyConfiguration
{
    private static readonly SchemaType AnyMap = new() { Kind = SchemaKind.Map, GoName = "map[string]interface {}", ElementReference = new(GoTypeNames.Any) };

    /// <summary>Decodes the YAML or JSON of an apply request; nothing is pruned or defaulted.</summary>
    /// <returns>The tree, and under <see cref="FieldValidation.Warn"/> a warning for each repeated key.</returns>
    /// <exception cref="StatusException">400: not YAML, or under <see cref="FieldValidation.Strict"/> a repeated key.</exception>
    public static (JsonObject Tree, IReadOnlyList<string> Warnings) Decode(ReadOnlyMemory<byte> body, FieldValidation validation)
    {
        var repeated = new List<string>();
        ReadOnlyMemory<byte> json;
        try
        {
            json = YamlToJson.Convert(body.Span, repeated);
        }
        catch (YamlSyntaxException failed)
        {
            throw StatusErrors.BadRequest($"error decoding YAML: error converting YAML to JSON: {failed.Message}");
        }
        var (node, _) = ObjectDecoder.ReadNode(
            json, AnyMap, FieldValidation.Ignore, error => StatusErrors.BadRequest($"error decoding YAML: error unmarshaling JSON: while decoding JSON: {error}"));
        if (validation == FieldValidation.Strict && repeated.Count > 0)
            throw StatusErrors.BadRequest($"error strict decoding YAML: error converting YAML to JSON: {YamlToJson.UnmarshalErrors(repeated)}");
        return (node as JsonObject ?? [], validation == FieldValidation.Warn ? repeated : []);
    }
}
