using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PodDisruptionBudgets.</summary>
internal sealed class PodDisruptionBudgetStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;
    public override bool AllowsUnconditionalUpdate => false;

    /// <summary>Upstream's own validation of budgets does not look at metadata: what holds for every object is all that holds.</summary>
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => [];

    public override bool AllowsPlainFinalizers => true;

    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.PathSegment(name, isPrefix);

    protected override JsonObject NewStatus(JsonObject budget, StrategyContext context) =>
        new() { ["disruptionsAllowed"] = 0, ["currentHealthy"] = 0, ["desiredHealthy"] = 0, ["expectedPods"] = 0 };

    public override void Validate(JsonObject budget, FieldErrors errors, StrategyContext context) => PodDisruptionBudgetRules.Validate(budget, errors);

    public override void ValidateUpdate(JsonObject budget, JsonObject old, FieldErrors errors, StrategyContext context) => PodDisruptionBudgetRules.Validate(budget, errors, old);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject budget, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") PodDisruptionBudgetRules.ValidateStatus(budget, errors);
    }
}
