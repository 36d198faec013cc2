using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PodDisruptionBudgets.</summary>
internal sealed class PodDisruptionBudgetStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;
    public override bool AllowsUnconditionalUpdate => false;

    protected override JsonObject NewStatus(JsonObject budget, StrategyContext context) =>
        new() { ["disruptionsAllowed"] = 0, ["currentHealthy"] = 0, ["desiredHealthy"] = 0, ["expectedPods"] = 0 };
}
