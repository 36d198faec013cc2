using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Maps of labels.</summary>
internal static class LabelRules
{
    public static void Validate(JsonObject? labels, FieldPath path, FieldErrors errors)
    {
        foreach (var (key, node) in labels ?? NoLabels)
        {
            if (Formats.LabelKey(key) is { Count: > 0 } complaints) errors.InvalidEach(path, key, complaints);
            var value = node.AsText() ?? "";
            if (Formats.LabelValue(value) is { Count: > 0 } wrong) errors.InvalidEach(path, value, wrong);
        }
    }

    private static readonly JsonObject NoLabels = [];
}
