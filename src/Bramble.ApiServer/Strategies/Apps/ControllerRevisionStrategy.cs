namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ControllerRevisions: their data never changes.</summary>
internal sealed class ControllerRevisionStrategy : KindStrategy;
