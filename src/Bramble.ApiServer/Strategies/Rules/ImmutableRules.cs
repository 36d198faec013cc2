using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Fields that stay as they were made.</summary>
internal static class ImmutableRules
{
    public const string Message = "field is immutable";

    /// <param name="shown">The value in the message; by default the new one as JSON.</param>
    public static void Field(JsonObject? tree, JsonObject? old, string name, FieldPath path, FieldErrors errors, Func<JsonNode?, JsonNode?>? shown = null)
    {
        if (!tree.Differs(old, name)) return;
        JsonNode? value = null;
        tree?.TryGetPropertyValue(name, out value);
        errors.Invalid(path, shown is not null ? shown(value) : IsTextMap(value) ? InternalStruct.ShowMap((JsonObject)value!) : value?.DeepClone(), Message);
    }

    private static bool IsTextMap(JsonNode? value) => value is JsonObject map && map.All(member => member.Value.AsText() is not null);
}
