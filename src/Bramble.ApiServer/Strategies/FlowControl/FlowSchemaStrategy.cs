using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to FlowSchemas.</summary>
internal sealed class FlowSchemaStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;
    public override bool AllowsCreateOnUpdate => true;
    public override bool AllowsUnconditionalUpdate => false;

    public override void Default(JsonObject schema) => schema.Child("spec").DefaultNumber("matchingPrecedence", 1000);

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject schema, JsonObject old, StrategyContext context)
    {
        base.PrepareForSubresourceUpdate(subresource, schema, old, context);
        FlowControlStatus.KeepMetadata(schema, old);
    }
}
