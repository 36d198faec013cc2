using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to VolumeAttributesClasses.</summary>
internal sealed class VolumeAttributesClassStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override void Validate(JsonObject @class, FieldErrors errors, StrategyContext context) => StorageClassRules.ValidateAttributes(@class, errors);

    public override void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors, StrategyContext context) =>
        StorageClassRules.ValidateAttributesUpdate(@class, old, errors);
}
