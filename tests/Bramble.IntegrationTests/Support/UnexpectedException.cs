namespace Bramble.IntegrationTests.Support;

/// <summary>What was run did not do what the test or the benchmark needs of it; the message holds everything it said.</summary>
internal sealed class UnexpectedException(string message) : Exception(message);
