using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Leases. Coordinated leader election (KEP-4355) is off: its fields are dropped unless in use.</summary>
internal sealed class LeaseStrategy : KindStrategy
{
    public override bool AllowsCreateOnUpdate => true;
    public override bool AllowsUnconditionalUpdate => false;

    public override void PrepareForCreate(JsonObject lease, StrategyContext context) => DropCoordination(lease, null);

    public override void PrepareForUpdate(JsonObject lease, JsonObject old, StrategyContext context) => DropCoordination(lease, old.Object("spec"));

    private static void DropCoordination(JsonObject lease, JsonObject? before)
    {
        if (!before.Has("strategy")) lease.Object("spec")?.Remove("strategy");
        if (!before.Has("preferredHolder")) lease.Object("spec")?.Remove("preferredHolder");
    }
}
