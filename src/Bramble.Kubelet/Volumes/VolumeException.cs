namespace Bramble.Kubelet.Volumes;

/// <summary>A volume cannot be made ready.</summary>
internal sealed class VolumeException(string message) : Exception(message)
{
    /// <summary>The message is the whole event: it names the volume and what was being done with it.</summary>
    public bool HasStage { get; private init; }

    public static VolumeException AtStage(string message) => new(message) { HasStage = true };
}

/// <summary>A driver has as many volumes on this node as it can: a pod that needs one more cannot run here.</summary>
internal sealed class AttachLimitException(string message) : Exception(message);

/// <summary>A pod's volumes are not ready: what the FailedMount events say.</summary>
internal sealed class VolumesNotReadyException(IReadOnlyList<string> problems) : Exception(string.Join("; ", problems))
{
    public IReadOnlyList<string> Problems { get; } = problems;
}
