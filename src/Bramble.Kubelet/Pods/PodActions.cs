using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Resize;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>Last results of a container instance's probes; null: none, or no result yet.</summary>
internal readonly record struct ProbeVerdicts(bool? Startup, bool? Liveness, bool? Readiness);

/// <summary>Why a container is killed; decides which grace period counts.</summary>
internal enum KillReason { Unknown, StartupProbe, LivenessProbe, FailedPostStartHook }

/// <summary>A container instance to kill, and the words of the Killing event.</summary>
internal sealed record KillAction(string ContainerId, string Name, string Message, KillReason Reason = KillReason.Unknown);

/// <summary>What a pod needs now. Names are in the order in which they are to be acted on.</summary>
internal sealed record PodActions
{
    /// <summary>Stop everything: the sandbox is to be replaced, or nothing will run any more.</summary>
    public bool KillPod { get; init; }
    public bool CreateSandbox { get; init; }

    /// <summary>The sandbox there is; null: none.</summary>
    public string? SandboxId { get; init; }
    public uint Attempt { get; init; }
    public IReadOnlyList<string> EphemeralToStart { get; init; } = [];
    public IReadOnlyList<string> InitToStart { get; init; } = [];
    public IReadOnlyList<string> ToStart { get; init; } = [];
    public IReadOnlyList<KillAction> ToKill { get; init; } = [];

    public bool IsNothing => !KillPod && !CreateSandbox && EphemeralToStart.Count + InitToStart.Count + ToStart.Count + ToKill.Count == 0;

    /// <param name="probes">Verdicts by container id.</param>
    /// <param name="resizes">Running containers with other resources than the node has given; those that change by a restart matter here.</param>
    public static PodActions Decide(V1Pod pod, ObservedPod observed, Func<string, ProbeVerdicts> probes, IReadOnlyList<ContainerResize>? resizes = null)
    {
        var (isNewSandboxNeeded, attempt, sandboxId) = Sandbox(pod, observed);
        return isNewSandboxNeeded
            ? WithNewSandbox(pod, observed, attempt, sandboxId)
            : new Decision(pod, observed, probes, resizes ?? []).Run(sandboxId!, attempt);
    }

    /// <summary>Whether the newest sandbox can go on being used, and the attempt number of it or of the next.</summary>
    public static (bool IsNewNeeded, uint Attempt, string? Id) Sandbox(V1Pod pod, ObservedPod observed)
    {
        if (observed.Sandboxes.Count == 0) return (true, 0, null);
        var newest = observed.Sandboxes[0];
        var attempt = newest.Metadata.Attempt;
        var readyCount = observed.Sandboxes.Count(s => s.State == PodSandboxState.SandboxReady);
        if (readyCount > 1 || newest.State != PodSandboxState.SandboxReady) return (true, attempt + 1, newest.Id);
        var isOnHostNetwork = newest.Linux?.Namespaces?.Options?.Network == NamespaceMode.Node;
        if (isOnHostNetwork != pod.IsHostNetwork()) return (true, attempt + 1, "");
        if (!isOnHostNetwork && newest.Network is { Ip.Length: 0 }) return (true, attempt + 1, newest.Id);
        return (false, attempt, newest.Id);
    }

    private static PodActions WithNewSandbox(V1Pod pod, ObservedPod observed, uint attempt, string? oldSandboxId)
    {
        var stop = new PodActions { KillPod = true, SandboxId = oldSandboxId, Attempt = attempt };
        // A pod that must not restart has had its run.
        var isAnyRestarted = pod.RestartsOnFailure() || pod.Spec.Containers.Any(c => c.RestartPolicy is not null);
        if (!isAnyRestarted && attempt != 0 && observed.Containers.Count > 0) return stop;
        var toStart = new List<string>();
        foreach (var c in pod.Spec.Containers)
        {
            var runsOnce = (c.RestartPolicy ?? pod.Spec.RestartPolicy) == "OnFailure";
            if (runsOnce && observed.Find(c.Name) is { State: ContainerState.ContainerExited, ExitCode: 0 }) continue;
            toStart.Add(c.Name);
        }
        if (toStart.Count == 0 && pod.Spec.Containers.Any(c => observed.Find(c.Name) is not null)) return stop;
        return stop with
        {
            CreateSandbox = true,
            InitToStart = pod.Spec.InitContainers is [var first, ..] ? [first.Name] : [],
            ToStart = pod.Spec.InitContainers is { Count: > 0 } ? [] : toStart,
        };
    }

    /// <summary>Whether a container that does not run is to be started.</summary>
    public static bool IsToBeStarted(V1Container container, V1Pod pod, ContainerStatus? newest)
    {
        if (pod.IsBeingDeleted()) return false;
        return newest?.State switch
        {
            null or ContainerState.ContainerUnknown or ContainerState.ContainerCreated => true,
            ContainerState.ContainerRunning => false,
            _ => container.RestartsAfter(pod.Spec, newest.ExitCode),
        };
    }

    /// <summary>Decides for a pod whose sandbox is good.</summary>
    private sealed class Decision(V1Pod pod, ObservedPod observed, Func<string, ProbeVerdicts> probes, IReadOnlyList<ContainerResize> resizes)
    {
        private readonly List<string> _ephemeral = [];
        private readonly List<string> _init = [];
        private readonly List<string> _apps = [];
        private readonly List<KillAction> _kill = [];
        private bool _isPodKilled;

        public PodActions Run(string sandboxId, uint attempt)
        {
            foreach (var c in pod.Spec.EphemeralContainers ?? [])
                if (observed.Find(c.Name) is null) _ephemeral.Add(c.Name);
            if (InitContainers() && !_isPodKilled) AppContainers();
            return new PodActions
            {
                KillPod = _isPodKilled,
                SandboxId = sandboxId,
                Attempt = attempt,
                EphemeralToStart = _ephemeral,
                InitToStart = _isPodKilled ? [] : _init,
                ToStart = _apps,
                ToKill = _kill,
            };
        }

        /// <summary>Looks at init containers last to first: the last one that has run says how far the pod is.</summary>
        /// <returns>Whether app containers may run.</returns>
        private bool InitContainers()
        {
            var inits = pod.Spec.InitContainers ?? [];
            if (inits.Count == 0) return true;
            var isInitialized = pod.Spec.Containers.Any(c =>
                observed.Find(c.Name)?.State is ContainerState.ContainerCreated or ContainerState.ContainerRunning);
            var isLaterSeen = isInitialized;
            for (var i = inits.Count - 1; i >= 0; i--)
            {
                var init = inits[i];
                var status = observed.Find(init.Name);
                if (status is null)
                {
                    if (isLaterSeen && init.IsSidecar()) _init.Add(init.Name);
                    continue;
                }
                if (isLaterSeen && !init.IsSidecar()) continue;
                var next = i + 1 < inits.Count ? inits[i + 1].Name : null;
                if (init.IsSidecar() ? Sidecar(init, status, next, isLaterSeen) : PlainInit(init, status, next)) isInitialized = true;
                if (_isPodKilled) return false;
                isLaterSeen = true;
            }
            if (!isLaterSeen) _init.Add(inits[0].Name);
            _init.Reverse();
            return isInitialized;
        }

        private bool PlainInit(V1Container init, ContainerStatus status, string? next)
        {
            switch (status.State)
            {
                case ContainerState.ContainerCreated:
                    _init.Add(init.Name);
                    return false;
                case ContainerState.ContainerRunning:
                    return false;
                case ContainerState.ContainerExited when status.ExitCode == 0:
                    if (next is not null) _init.Add(next);
                    return next is null;
                case ContainerState.ContainerExited:
                    if (!init.RestartsAfter(pod.Spec, status.ExitCode)) _isPodKilled = true;
                    else _init.Add(init.Name);
                    return false;
                default:
                    if (!pod.RestartsOnFailure(init))
                    {
                        _isPodKilled = true;
                        return false;
                    }
                    _kill.Add(new(status.Id, init.Name, "Init container is in \"unknown\" state, try killing it before restart"));
                    _init.Add(init.Name);
                    return false;
            }
        }

        private bool Sidecar(V1Container init, ContainerStatus status, string? next, bool isLaterSeen)
        {
            switch (status.State)
            {
                case ContainerState.ContainerRunning:
                    break;
                case ContainerState.ContainerCreated or ContainerState.ContainerExited:
                    _init.Add(init.Name);
                    return false;
                default:
                    _kill.Add(new(status.Id, init.Name, "Init container is in \"unknown\" state, try killing it before restart"));
                    _init.Add(init.Name);
                    return false;
            }
            var verdicts = probes(status.Id);
            if (init.StartupProbe is not null && verdicts.Startup != true)
            {
                if (verdicts.Startup == false) Restart(KillReason.StartupProbe, $"Init container {init.Name} failed startup probe");
                return false;
            }
            if (!isLaterSeen && next is not null) _init.Add(next);
            if (IsChanged(init, status)) Restart(KillReason.Unknown, $"Init container {init.Name} definition changed");
            else if (init.LivenessProbe is not null && verdicts.Liveness == false)
                Restart(KillReason.LivenessProbe, $"Init container {init.Name} failed liveness probe");
            else if (IsResizedByRestart(status)) Restart(KillReason.Unknown, $"Container {init.Name} resize requires restart");
            return next is null;

            void Restart(KillReason reason, string message)
            {
                _kill.Add(new(status.Id, init.Name, message, reason));
                _init.Add(init.Name);
            }
        }

        private void AppContainers()
        {
            var keptCount = 0;
            foreach (var c in pod.Spec.Containers)
            {
                var status = observed.Find(c.Name);
                if (status is not { State: ContainerState.ContainerRunning })
                {
                    if (!IsToBeStarted(c, pod, status)) continue;
                    _apps.Add(c.Name);
                    if (status is { State: ContainerState.ContainerUnknown })
                        _kill.Add(new(status.Id, c.Name, "Container is in \"unknown\" state, try killing it before restart"));
                    continue;
                }
                var verdicts = probes(status.Id);
                var isRestarted = pod.RestartsOnFailure(c);
                string message;
                var reason = KillReason.Unknown;
                if (IsChanged(c, status))
                {
                    message = $"Container {c.Name} definition changed";
                    isRestarted = true;
                }
                else if (verdicts.Liveness == false) (message, reason) = ($"Container {c.Name} failed liveness probe", KillReason.LivenessProbe);
                else if (verdicts.Startup == false) (message, reason) = ($"Container {c.Name} failed startup probe", KillReason.StartupProbe);
                else if (IsResizedByRestart(status))
                {
                    _apps.Add(c.Name);
                    _kill.Add(new(status.Id, c.Name, $"Container {c.Name} resize requires restart"));
                    continue;
                }
                else
                {
                    keptCount++;
                    continue;
                }
                if (isRestarted)
                {
                    message += ", will be restarted";
                    _apps.Add(c.Name);
                }
                _kill.Add(new(status.Id, c.Name, message, reason));
            }
            // Nothing runs and nothing will: sidecars and the sandbox go too.
            if (keptCount == 0 && _apps.Count == 0)
            {
                _isPodKilled = true;
                _init.Clear();
            }
        }

        private bool IsResizedByRestart(ContainerStatus status) => resizes.Any(r => r.IsByRestart && r.ContainerId == status.Id);

        private static bool IsChanged(V1Container container, ContainerStatus status) =>
            status.Annotations.TryGetValue(RuntimeLabels.ContainerHash, out var hash) && hash != ContainerHash.Of(container);
    }
}

/// <summary>What of a container's spec may change while the pod lives, as one short text: another value means another container.</summary>
internal static class ContainerHash
{
    public static string Of(V1Container container)
    {
        // FNV-1a over name and image; written as lower-case hex like the kubelet's.
        var hash = 2166136261u;
        foreach (var b in System.Text.Encoding.UTF8.GetBytes($"{container.Name}\n{container.Image}"))
            hash = (hash ^ b) * 16777619u;
        return hash.ToString("x", System.Globalization.CultureInfo.InvariantCulture);
    }
}
