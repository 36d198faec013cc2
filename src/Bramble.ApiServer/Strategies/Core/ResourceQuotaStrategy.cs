namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ResourceQuotas.</summary>
internal sealed class ResourceQuotaStrategy : KindStrategy
{
    public override bool HasStatus => true;
}
