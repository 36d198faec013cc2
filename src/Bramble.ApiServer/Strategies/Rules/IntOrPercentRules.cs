using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Values that are a number or a percentage.</summary>
internal static class IntOrPercentRules
{
    public static void NotNegative(JsonNode? value, FieldPath path, FieldErrors errors)
    {
        if (value.AsText() is { } text) errors.InvalidEach(path, text, Formats.Percent(text));
        else NumberRules.NonNegative(value.AsLong() ?? 0, path, errors);
    }

    public static void NotMoreThanAll(JsonNode? value, FieldPath path, FieldErrors errors)
    {
        if (Percent(value) > 100) errors.Invalid(path, value?.DeepClone(), "must not be greater than 100%");
    }

    public static bool IsZero(JsonNode? value) => value.AsText() is { } text
        ? (Percent(value) ?? (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : 0)) == 0
        : (value.AsLong() ?? 0) == 0;

    private static int? Percent(JsonNode? value) =>
        value.AsText() is { } text && Formats.Percent(text).Count == 0 && int.TryParse(text[..^1], CultureInfo.InvariantCulture, out var percent) ? percent : null;
}
