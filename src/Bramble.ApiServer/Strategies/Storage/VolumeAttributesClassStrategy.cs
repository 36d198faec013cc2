namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to VolumeAttributesClasses.</summary>
internal sealed class VolumeAttributesClassStrategy : KindStrategy;
