namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to CSINodes.</summary>
internal sealed class CSINodeStrategy : KindStrategy
{
    public override bool AllowsUnconditionalUpdate => false;
}
