namespace Bramble.Supervisor.Joining;

/// <summary>Why a machine cannot join: one sentence with cause and fix, for whoever reads its log.</summary>
public sealed class JoinException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Waiting does not help: somebody must change the command line.</summary>
    public bool IsFinal { get; init; }
}
