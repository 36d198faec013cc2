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
    /// <returns>The tree, and what is repeated in it: warnings, or under <see cref="FieldValidation.Strict"/> the reason for <see cref="StrictError"/> after the apply itself succeeded.</returns>
    /// <exception cref="StatusException">400: not YAML.</exception>
    public static (JsonObject Tree, IReadOnlyList<string> RepeatedKeys) Decode(ReadOnlyMemory<byte> body)
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
        return (node as JsonObject ?? [], repeated);
    }

    /// <summary>The refusal of repeated keys under <see cref="FieldValidation.Strict"/>; upstream gives it only when the apply has no error of its own.</summary>
    public static StatusException StrictError(IReadOnlyList<string> repeatedKeys) =>
        StatusErrors.BadRequest($"error strict decoding YAML: error converting YAML to JSON: {YamlToJson.UnmarshalErrors([.. repeatedKeys])}");
}
