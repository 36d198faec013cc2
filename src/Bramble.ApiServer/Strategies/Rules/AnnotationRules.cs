using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Maps of annotations.</summary>
internal static class AnnotationRules
{
    private const int TotalBytesMax = 256 * 1024;

    public static void Validate(JsonObject? annotations, FieldPath path, FieldErrors errors)
    {
        if (annotations is null) return;
        var total = 0;
        foreach (var (key, value) in annotations)
        {
            // Upper case was allowed in annotation keys from the start.
            var lower = key.ToLowerInvariant();
            if (Formats.LabelKey(lower) is { Count: > 0 } complaints) errors.InvalidEach(path, key, complaints);
            total += Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value.AsText() ?? "");
        }

        if (total > TotalBytesMax) errors.TooLong(path, TotalBytesMax);
    }
}
