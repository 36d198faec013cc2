namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ConfigMaps.</summary>
internal sealed class ConfigMapStrategy : KindStrategy;
