using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ConfigMaps.</summary>
internal sealed class ConfigMapStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override void Validate(JsonObject map, FieldErrors errors, StrategyContext context) => DataRules.ValidateConfigMap(map, errors);

    public override void ValidateUpdate(JsonObject map, JsonObject old, FieldErrors errors, StrategyContext context) =>
        DataRules.ValidateConfigMapUpdate(map, old, errors);
}
