using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PersistentVolumeClaims.</summary>
internal sealed class PersistentVolumeClaimStrategy : KindStrategy
{
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
        ClaimDefaults.NormalizeDataSources(claim.Child("spec"));
    }

    public override void PrepareForUpdate(JsonObject claim, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(claim, old, context);
        ClaimDefaults.NormalizeDataSources(claim.Child("spec"));
    }
}
