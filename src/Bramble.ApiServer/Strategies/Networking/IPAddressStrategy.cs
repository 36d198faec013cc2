namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to IPAddresses: the name is the address.</summary>
internal sealed class IPAddressStrategy : KindStrategy;
