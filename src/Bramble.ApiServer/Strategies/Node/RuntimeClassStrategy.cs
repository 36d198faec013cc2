namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to RuntimeClasses.</summary>
internal sealed class RuntimeClassStrategy : KindStrategy
{
    public override bool AllowsCreateOnUpdate => true;
    public override bool AllowsUnconditionalUpdate => false;
}
