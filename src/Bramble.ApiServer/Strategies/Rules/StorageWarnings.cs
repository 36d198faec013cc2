using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Warnings about claims.</summary>
internal static class StorageWarnings
{
    public static void OfClaim(JsonObject spec, FieldPath path, List<string> warnings)
    {
        foreach (var list in (ReadOnlySpan<string>)["requests", "limits"])
            if (ResourceRules.Amount(spec.Object("resources").Object(list), "storage") is { } amount && amount.ToMillis() % 1000 != 0)
                warnings.Add($"{path.Child("resources").Child(list).Key("storage")}: fractional byte value {FieldError.Quote(amount.ToString())} is invalid, must be an integer");
    }
}
