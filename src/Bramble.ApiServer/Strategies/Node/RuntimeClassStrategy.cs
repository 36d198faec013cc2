using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to RuntimeClasses.</summary>
internal sealed class RuntimeClassStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool AllowsCreateOnUpdate => true;
    public override bool AllowsUnconditionalUpdate => false;

    public override void Validate(JsonObject @class, FieldErrors errors, StrategyContext context) => RuntimeClassRules.Validate(@class, errors);

    public override void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors, StrategyContext context) =>
        ImmutableRules.Field(@class, old, "handler", FieldPath.Of("handler"), errors);
}
