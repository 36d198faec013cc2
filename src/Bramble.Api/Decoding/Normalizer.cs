using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>Brings a tree that code has changed (defaults, admission, patches) into the form a Go struct round trip gives: fields in order, unknown ones
/// gone, empty ones left out, always-written ones there, times and quantities canonical.</summary>
public static class Normalizer
{
    /// <returns>A new tree; the old one is not touched.</returns>
    /// <exception cref="StatusException">400: a value is of a wrong type.</exception>
    public static JsonObject Normalize(JsonObject tree, SchemaType type) => Normalize(tree, type, StatusErrors.BadRequest);

    /// <summary>As <see cref="Normalize(JsonObject, SchemaType)"/>, but the tree itself may be what comes back.</summary>
    /// <returns><paramref name="tree"/>, changed, or a new tree.</returns>
    public static JsonObject NormalizeOwn(JsonObject tree, SchemaType type) => TreeNormalizer.TryNormalize(tree, type) ? tree : Normalize(tree, type);

    /// <param name="refuse">Makes the exception of the decoder's message.</param>
    internal static JsonObject Normalize(JsonObject tree, SchemaType type, Func<string, Exception> refuse) =>
        ObjectDecoder.Read(TreeText.Write(tree), type, FieldValidation.Ignore, refuse).Tree;
}
