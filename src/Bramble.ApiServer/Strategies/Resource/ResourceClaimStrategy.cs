using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ResourceClaims: what is asked for never changes.</summary>
internal sealed class ResourceClaimStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool HasStatus => true;
    protected override bool StatusWriteKeepsMeta => true;

    public override void Default(JsonObject claim) => DeviceDefaults.ApplyToClaimSpec(claim.Child("spec"));

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject claim, JsonObject old, StrategyContext context)
    {
        base.PrepareForSubresourceUpdate(subresource, claim, old, context);
        if (subresource == "status") ResourceClaimStatusRules.DropDeallocated(claim, old);
    }

    public override void Validate(JsonObject claim, FieldErrors errors, StrategyContext context)
    {
        ClaimSpecRules.AdminAccess(claim.Object("spec").Object("devices"), claim.ObjectNamespace(), context, errors);
        ClaimSpecRules.Validate(claim.Object("spec") ?? [], FieldPath.Spec, errors);
    }

    public override void ValidateUpdate(JsonObject claim, JsonObject old, FieldErrors errors, StrategyContext context) =>
        ImmutableRules.Field(claim, old, "spec", FieldPath.Spec, errors, spec => InternalStruct.Show(spec, "resource.v1.ResourceClaimSpec"));

    public override void ValidateSubresourceUpdate(string subresource, JsonObject claim, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") ResourceClaimStatusRules.ValidateUpdate(claim, old, errors, context);
    }
}
