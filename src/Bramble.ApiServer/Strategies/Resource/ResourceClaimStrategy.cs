using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ResourceClaims.</summary>
internal sealed class ResourceClaimStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool HasStatus => true;
    protected override bool StatusWriteKeepsMeta => true;

    public override void Default(JsonObject claim) => DeviceDefaults.ApplyToClaimSpec(claim.Child("spec"));
}
