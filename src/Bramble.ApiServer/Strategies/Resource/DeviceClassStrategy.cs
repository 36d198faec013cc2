namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to DeviceClasses.</summary>
internal sealed class DeviceClassStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool CountsGeneration => true;
}
