using Bramble.Api.Errors;
using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ResourceSlices.</summary>
internal sealed class ResourceSliceStrategy : KindStrategy
{
    public override bool CountsGeneration => true;

    public override IReadOnlyList<string> SelectableFields { get; } = ["spec.nodeName", "spec.driver"];

    public override string? FieldValue(JsonObject slice, string fieldPath) =>
        fieldPath is "spec.nodeName" or "spec.driver" ? slice.Text("spec", fieldPath["spec.".Length..]) : null;

    public override string? UnknownFieldMessage(string fieldPath) => $"field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {fieldPath}";

    public override IEnumerable<string> Warnings(JsonObject slice, JsonObject? old)
    {
        var driver = slice.Text("spec", "driver");
        if (driver.Any(char.IsUpper)) yield return $"spec.driver: driver names should be lowercase; {FieldError.Quote(driver)} contains uppercase characters";
    }
}
