namespace Bramble.Kubelet.Pods;

/// <summary>Why a pod ends on this node.</summary>
/// <param name="IsCompletion">It has done its work, or what its policies allow.</param>
/// <param name="GraceSeconds">Null: what the pod says.</param>
/// <param name="Disruption">Message of the condition DisruptionTarget that it gets with its end; null: none.</param>
/// <param name="Reason">With <paramref name="Message"/>: the pod has failed; empty: it has not.</param>
internal sealed record PodEnd(bool IsCompletion = false, long? GraceSeconds = null, string Reason = "", string Message = "", string? Disruption = null)
{
    public static readonly PodEnd Deleted = new(IsCompletion: false);
    public static readonly PodEnd Completed = new(IsCompletion: true);

    public (string Reason, string Message)? Failed => Reason.Length > 0 ? (Reason, Message) : null;
}
