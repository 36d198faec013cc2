using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PersistentVolumeClaims.</summary>
internal sealed class PersistentVolumeClaimStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override bool HasStatus => true;

    public override void Default(JsonObject claim)
    {
        ClaimDefaults.ApplyToSpec(claim.Child("spec"));
        claim.Child("status").DefaultText("phase", "Pending");
    }

    protected override JsonObject NewStatus(JsonObject claim, StrategyContext context) => new() { ["phase"] = "Pending" };

    public override void PrepareForCreate(JsonObject claim, StrategyContext context)
    {
        base.PrepareForCreate(claim, context);
        ClaimDefaults.DropUnknownSources(claim.Child("spec"), null);
        ClaimDefaults.NormalizeDataSources(claim.Child("spec"));
    }

    public override void PrepareForUpdate(JsonObject claim, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(claim, old, context);
        ClaimDefaults.DropUnknownSources(claim.Child("spec"), old.Object("spec"));
        ClaimDefaults.NormalizeDataSources(claim.Child("spec"));
    }

    public override void Validate(JsonObject claim, FieldErrors errors, StrategyContext context) => ClaimRules.ValidateSpec(claim.Object("spec") ?? [], FieldPath.Spec, errors);

    public override void ValidateUpdate(JsonObject claim, JsonObject old, FieldErrors errors, StrategyContext context) =>
        ClaimUpdateRules.Validate(claim, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject claim, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") ClaimStatusRules.Validate(claim, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject claim, JsonObject? old)
    {
        const string beta = "volume.beta.kubernetes.io/storage-class";
        var warnings = new List<string>();
        if (claim.Annotations().Has(beta)) warnings.Add($"metadata.annotations[{beta}]: deprecated since v1.8; use \"storageClassName\" attribute instead");
        StorageWarnings.OfClaim(claim.Object("spec") ?? [], FieldPath.Spec, warnings);
        return warnings;
    }
}
