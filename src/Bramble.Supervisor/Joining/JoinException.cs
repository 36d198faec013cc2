namespace Bramble.Supervisor.Joining;

/// <summary>Why a machine cannot join: one sentence with cause and fix, for whoever reads its log.</summary>
public sealed class JoinException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>No server was heard of, so none has refused.</summary>
    public bool IsUnreached { get; init; }
}
