using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ResourceClaimTemplates: they never change.</summary>
internal sealed class ResourceClaimTemplateStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;

    public override void Default(JsonObject template) => DeviceDefaults.ApplyToClaimSpec(template.Child("spec").Child("spec"));

    public override void Validate(JsonObject template, FieldErrors errors, StrategyContext context)
    {
        ClaimSpecRules.AdminAccess(template.Object("spec").Object("spec").Object("devices"), template.ObjectNamespace(), context, errors);
        ValidateSpec(template, errors);
    }

    public override void ValidateUpdate(JsonObject template, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        ValidateSpec(template, errors);
        ImmutableRules.Field(template, old, "spec", FieldPath.Spec, errors, spec => InternalStruct.Show(spec, "resource.v1.ResourceClaimTemplateSpec"));
    }

    private static void ValidateSpec(JsonObject template, FieldErrors errors)
    {
        ClaimRules.TemplateMetadata(template.Object("spec"), FieldPath.Spec.Child("metadata"), errors);
        ClaimSpecRules.Validate(template.Object("spec").Object("spec") ?? [], FieldPath.Spec.Child("spec"), errors);
    }
}
