using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PriorityLevelConfigurations.</summary>
internal sealed class PriorityLevelConfigurationStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject level)
    {
        var spec = level.Child("spec");
        if (spec.Object("exempt") is { } exempt)
        {
            exempt.DefaultTo("nominalConcurrencyShares", 0);
            exempt.DefaultTo("lendablePercent", 0);
        }

        if (spec.Object("limited") is not { } limited) return;
        limited.DefaultTo("nominalConcurrencyShares", 30);
        limited.DefaultTo("lendablePercent", 0);
        if (limited.Object("limitResponse").Object("queuing") is not { } queuing) return;
        queuing.DefaultNumber("queues", 64);
        queuing.DefaultNumber("handSize", 8);
        queuing.DefaultNumber("queueLengthLimit", 50);
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject level, JsonObject old, StrategyContext context)
    {
        base.PrepareForSubresourceUpdate(subresource, level, old, context);
        FlowControlStatus.KeepMetadata(level, old);
    }

    public override void Validate(JsonObject level, FieldErrors errors, StrategyContext context) => PriorityLevelRules.Validate(level, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject level, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") FlowControlStatus.Validate(level, errors);
    }
}
