using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ResourceSlices.</summary>
internal sealed class ResourceSliceStrategy : KindStrategy
{
    public override bool CountsGeneration => true;

    public override IReadOnlyList<string> SelectableFields { get; } = ["spec.nodeName", "spec.driver"];

    public override string? FieldValue(JsonObject slice, string fieldPath) =>
        fieldPath is "spec.nodeName" or "spec.driver" ? slice.Text("spec", fieldPath["spec.".Length..]) : null;

    public override string? UnknownFieldMessage(string fieldPath) => $"field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {fieldPath}";

    public override void PrepareForCreate(JsonObject slice, StrategyContext context)
    {
        base.PrepareForCreate(slice, context);
        Complete(slice, null, context);
    }

    public override void PrepareForUpdate(JsonObject slice, JsonObject old, StrategyContext context)
    {
        Complete(slice, old, context);
        base.PrepareForUpdate(slice, old, context);
    }

    /// <summary>A taint knows since when it is there. Fields of features that are off go, unless the old slice has them.</summary>
    private static void Complete(JsonObject slice, JsonObject? old, StrategyContext context)
    {
        var (hadLists, hadMappings) = (false, false);
        foreach (var (_, device) in old.Object("spec").Items("devices"))
        {
            hadMappings |= device.Count("nodeAllocatableResourceMappings") > 0;
            foreach (var (_, attribute) in device.Object("attributes") ?? []) hadLists |= attribute is JsonObject values && ListsOfValues.Any(values.ContainsKey);
        }

        foreach (var (_, device) in slice.Object("spec").Items("devices"))
        {
            foreach (var (_, taint) in device.Items("taints")) taint.DefaultTo("timeAdded", KubernetesTime.Write(context.Now));
            if (!hadMappings) device.Remove("nodeAllocatableResourceMappings");
            if (hadLists) continue;
            foreach (var (_, attribute) in device.Object("attributes") ?? [])
                foreach (var list in ListsOfValues) (attribute as JsonObject)?.Remove(list);
        }
    }

    private static readonly string[] ListsOfValues = ["ints", "bools", "strings", "versions"];

    public override void Validate(JsonObject slice, FieldErrors errors, StrategyContext context) => ResourceSliceRules.Validate(slice, null, errors);

    public override void ValidateUpdate(JsonObject slice, JsonObject old, FieldErrors errors, StrategyContext context) => ResourceSliceRules.Validate(slice, old, errors);

    public override IEnumerable<string> Warnings(JsonObject slice, JsonObject? old)
    {
        var driver = slice.Text("spec", "driver");
        if (driver.Any(char.IsUpper)) yield return $"spec.driver: driver names should be lowercase; {FieldError.Quote(driver)} contains uppercase characters";
    }
}
