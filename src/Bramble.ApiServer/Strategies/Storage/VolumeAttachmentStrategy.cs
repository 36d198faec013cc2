using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to VolumeAttachments.</summary>
internal sealed class VolumeAttachmentStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool HasStatus => true;
    public override bool AllowsUnconditionalUpdate => false;
    protected override bool StatusWriteKeepsMeta => true;

    protected override JsonObject NewStatus(JsonObject attachment, StrategyContext context) => new() { ["attached"] = false };

    public override void Validate(JsonObject attachment, FieldErrors errors, StrategyContext context) => CsiRules.ValidateAttachment(attachment, errors);

    public override void ValidateUpdate(JsonObject attachment, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        CsiRules.ValidateAttachment(attachment, errors);
        ImmutableRules.Field(attachment, old, "spec", FieldPath.Spec, errors, spec => InternalStruct.Show(spec, "storage.v1.VolumeAttachmentSpec"));
    }

    /// <summary>Upstream's strategy of the status is the attachment's own but for what it keeps.</summary>
    public override void ValidateSubresourceUpdate(string subresource, JsonObject attachment, JsonObject old, FieldErrors errors, StrategyContext context) =>
        CsiRules.ValidateAttachment(attachment, errors);
}
