namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to CSIStorageCapacities.</summary>
internal sealed class CSIStorageCapacityStrategy : KindStrategy
{
    public override bool AllowsUnconditionalUpdate => false;
}
