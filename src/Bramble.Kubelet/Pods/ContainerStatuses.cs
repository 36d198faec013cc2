using Bramble.Kubelet.Cri;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>Why a container could not be started the last time: what its status shows as waiting.</summary>
internal sealed record StartFailure(string Reason, string Message);

/// <summary>Container statuses of the API from what the runtime says. Pure. Behaviour of the kubelet's status conversion.</summary>
/// <param name="isRestartingAll">Containers were removed to be started anew.</param>
internal sealed class ContainerStatuses(
    V1Pod pod, ObservedPod observed, Func<string, StartFailure?> failures, string runtimeName, Func<ContainerStatus, string?> terminationMessage, bool isRestartingAll,
    bool hasRecursiveReadOnly)
{
    private const string Lost = "The container could not be located when the pod was deleted.  The container used to be Running";
    private const string LostInit =
        "Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally";

    public List<V1ContainerStatus> Of(IEnumerable<SpecContainer> containers, IList<V1ContainerStatus>? old, bool sortByName)
    {
        var result = containers.Select(c => One(c, old?.FirstOrDefault(o => o.Name == c.Name))).ToList();
        if (sortByName) result.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return result;
    }

    private V1ContainerStatus One(SpecContainer spec, V1ContainerStatus? old)
    {
        var instances = observed.Containers.Where(c => c.Metadata.Name == spec.Name).Take(2).ToList();
        var status = instances.Count > 0 ? Seen(spec, instances, old) : NotSeen(spec, old);
        var newest = instances.FirstOrDefault();
        if (spec.Kind is ContainerKind.Init)
        {
            if (newest is { State: ContainerState.ContainerExited, ExitCode: 0 }) return status;
            if (newest is null && status.State.Waiting is not null && IsAnyAppCreated)
            {
                status.State = new() { Terminated = new() { Reason = "Completed", Message = LostInit, ExitCode = 0 } };
                return status;
            }
        }
        // A container that is to run again waits: show why, and what it did before.
        if (PodActions.IsToBeStarted(spec.Container, pod, newest) && failures(spec.Name) is { } failure)
        {
            if (status.State.Terminated is not null) status.LastState = new() { Terminated = status.State.Terminated };
            status.State = new() { Waiting = new() { Reason = failure.Reason, Message = failure.Message } };
        }
        return status;
    }

    private bool IsAnyAppCreated => pod.Spec.Containers.Any(c => observed.Find(c.Name) is not null);

    private V1ContainerStatus NotSeen(SpecContainer spec, V1ContainerStatus? old)
    {
        if (isRestartingAll && spec.Kind != ContainerKind.Ephemeral && old?.State is { Waiting: null })
        {
            var removed = Copy(old);
            removed.State = new() { Waiting = new() { Reason = AllContainersRestart.Reason, Message = AllContainersRestart.Message } };
            removed.LastState = new() { Terminated = new() { Reason = AllContainersRestart.Reason, Message = AllContainersRestart.Message, ExitCode = 137 } };
            removed.ContainerID = null;
            removed.RestartCount = old.RestartCount + 1;
            return removed;
        }
        if (old?.State?.Terminated is not null) return Copy(old);
        var status = new V1ContainerStatus
        {
            Name = spec.Name,
            Image = spec.Container.Image,
            ImageID = "",
            State = new() { Waiting = new() { Reason = pod.Spec.InitContainers is { Count: > 0 } ? "PodInitializing" : "ContainerCreating" } },
            LastState = old?.LastState ?? new(),
            RestartCount = old?.RestartCount ?? 0,
            VolumeMounts = Mounts(spec.Container),
        };
        if (old?.State?.Running is not null && status.LastState.Terminated is null)
        {
            status.LastState = new() { Terminated = new() { Reason = "ContainerStatusUnknown", Message = Lost, ExitCode = 137 } };
            if (!pod.IsBeingDeleted()) status.RestartCount++;
        }
        return status;
    }

    private V1ContainerStatus Seen(SpecContainer spec, List<ContainerStatus> instances, V1ContainerStatus? old)
    {
        var status = Convert(spec, instances[0], old);
        if (instances.Count > 1) status.LastState = Convert(spec, instances[1], old).State;
        else if (old is not null && old.ContainerID != status.ContainerID && old.State?.Terminated is not null)
            status.LastState = new() { Terminated = old.State.Terminated };
        else if (old?.LastState?.Terminated is not null) status.LastState = old.LastState;
        return status;
    }

    private V1ContainerStatus Convert(SpecContainer spec, ContainerStatus c, V1ContainerStatus? old)
    {
        var id = $"{runtimeName}://{c.Id}";
        var restartCount = RestartCountOf(c);
        var status = new V1ContainerStatus
        {
            Name = spec.Name,
            Image = string.IsNullOrEmpty(c.Image?.UserSpecifiedImage) ? ShownImage(c, spec) : c.Image.UserSpecifiedImage,
            ImageID = c.ImageRef,
            ContainerID = id,
            RestartCount = Math.Max(restartCount, old?.RestartCount ?? 0),
            VolumeMounts = Mounts(spec.Container),
            LastState = new(),
            Resources = spec.Container.Resources,
            AllocatedResources = spec.Container.Resources?.Requests,
        };
        if (c.User?.Linux is { } user)
            status.User = new() { Linux = new() { Uid = user.Uid, Gid = user.Gid, SupplementalGroups = [.. user.SupplementalGroups.Select(g => (long?)g)] } };
        status.State = c.State switch
        {
            ContainerState.ContainerRunning => new() { Running = new() { StartedAt = Time(c.StartedAt) } },
            ContainerState.ContainerExited => new()
            {
                Terminated = new()
                {
                    ExitCode = c.ExitCode,
                    Reason = c.Reason,
                    Message = terminationMessage(c),
                    StartedAt = Time(c.StartedAt),
                    FinishedAt = Time(c.FinishedAt),
                    ContainerID = id,
                },
            },
            ContainerState.ContainerUnknown when old?.State?.Running is not null => new()
            {
                Terminated = new()
                {
                    Reason = "ContainerStatusUnknown",
                    Message = "The container could not be located when the pod was terminated",
                    ExitCode = 137,
                },
            },
            _ => new() { Waiting = new() },
        };
        return status;
    }

    private static string ShownImage(ContainerStatus c, SpecContainer spec) =>
        c.Image?.Image is { Length: > 0 } image && !image.StartsWith("sha256:", StringComparison.Ordinal) ? image : spec.Container.Image;

    public static int RestartCountOf(ContainerStatus c) =>
        c.Annotations.TryGetValue(RuntimeLabels.RestartCount, out var text) && int.TryParse(text, out var n) ? n : (int)c.Metadata.Attempt;

    private List<V1VolumeMountStatus>? Mounts(V1Container c) => c.VolumeMounts is not { Count: > 0 } mounts
        ? null
        : [.. mounts.Select(m => new V1VolumeMountStatus
        {
            Name = m.Name,
            MountPath = m.MountPath,
            ReadOnlyProperty = m.ReadOnlyProperty == true ? true : null,
            RecursiveReadOnly = m.ReadOnlyProperty != true ? null : m.RecursiveReadOnly is "Enabled" or "IfPossible" && hasRecursiveReadOnly ? "Enabled" : "Disabled",
        })];

    /// <summary>Null where the runtime says nothing (0); whole seconds, as the API shows them.</summary>
    private static DateTime? Time(long nanoseconds) =>
        nanoseconds <= 0 ? null : DateTime.UnixEpoch.AddSeconds(nanoseconds / 1_000_000_000);

    private static V1ContainerStatus Copy(V1ContainerStatus s) => new()
    {
        Name = s.Name,
        Image = s.Image,
        ImageID = s.ImageID,
        ContainerID = s.ContainerID,
        RestartCount = s.RestartCount,
        Ready = s.Ready,
        Started = s.Started,
        State = s.State,
        LastState = s.LastState,
        VolumeMounts = s.VolumeMounts,
        Resources = s.Resources,
        AllocatedResources = s.AllocatedResources,
        User = s.User,
    };
}
