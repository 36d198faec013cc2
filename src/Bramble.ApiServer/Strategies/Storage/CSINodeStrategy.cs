using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to CSINodes.</summary>
internal sealed class CSINodeStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool AllowsUnconditionalUpdate => false;

    public override void Validate(JsonObject node, FieldErrors errors, StrategyContext context) => CsiRules.ValidateNode(node, errors);

    public override void ValidateUpdate(JsonObject node, JsonObject old, FieldErrors errors, StrategyContext context) =>
        CsiRules.ValidateNodeUpdate(node, old, errors);
}
