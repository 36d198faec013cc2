using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to FlowSchemas.</summary>
internal sealed class FlowSchemaStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject schema) => schema.Child("spec").DefaultNumber("matchingPrecedence", 1000);

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject schema, JsonObject old, StrategyContext context)
    {
        base.PrepareForSubresourceUpdate(subresource, schema, old, context);
        FlowControlStatus.KeepMetadata(schema, old);
    }

    public override void Validate(JsonObject schema, FieldErrors errors, StrategyContext context) => FlowSchemaRules.Validate(schema, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject schema, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") FlowControlStatus.Validate(schema, errors);
    }
}
