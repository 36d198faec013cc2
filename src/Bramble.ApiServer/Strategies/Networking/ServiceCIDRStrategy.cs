namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ServiceCIDRs.</summary>
internal sealed class ServiceCIDRStrategy : KindStrategy
{
    public override bool HasStatus => true;
    protected override bool StatusWriteKeepsMeta => true;
}
