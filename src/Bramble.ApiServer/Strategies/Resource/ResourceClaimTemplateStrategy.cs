using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ResourceClaimTemplates.</summary>
internal sealed class ResourceClaimTemplateStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override void Default(JsonObject template) => DeviceDefaults.ApplyToClaimSpec(template.Child("spec").Child("spec"));
}
