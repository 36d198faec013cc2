using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to CSIStorageCapacities.</summary>
internal sealed class CSIStorageCapacityStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool AllowsUnconditionalUpdate => false;

    public override void Validate(JsonObject capacity, FieldErrors errors, StrategyContext context) => CsiRules.ValidateCapacity(capacity, errors);

    public override void ValidateUpdate(JsonObject capacity, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        CsiRules.ValidateCapacity(capacity, errors, old);
        CsiRules.ValidateCapacityUpdate(capacity, old, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject capacity, JsonObject? old)
    {
        var warnings = new List<string>();
        NodeLabels.Selector(capacity.Object("nodeTopology"), FieldPath.Of("nodeTopology"), warnings);
        return warnings;
    }
}
