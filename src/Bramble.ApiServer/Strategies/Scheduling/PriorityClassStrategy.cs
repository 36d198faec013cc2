using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PriorityClasses: generation 1 for ever, and two that stay.</summary>
internal sealed class PriorityClassStrategy : KindStrategy
{
    public override bool CountsGeneration => true;
    protected override IReadOnlyList<string> GenerationFields => [];

    public override string? WhyNotDeletable(string name) =>
        name is "system-node-critical" or "system-cluster-critical" ? "this is a system priority class and cannot be deleted" : null;

    public override void Default(JsonObject @class) => @class.DefaultTo("preemptionPolicy", "PreemptLowerPriority");

    public override void Validate(JsonObject @class, FieldErrors errors, StrategyContext context) => PriorityClassRules.Validate(@class, errors);

    public override void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors, StrategyContext context) =>
        PriorityClassRules.ValidateUpdate(@class, old, errors);
}
