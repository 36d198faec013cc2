using System.Net;
using System.Net.Sockets;
using Bramble.Kubelet.Cri;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>Everything a pod's status is made from.</summary>
internal sealed record StatusInput
{
    public required V1Pod Pod { get; init; }
    public required ObservedPod Observed { get; init; }

    /// <summary>The status last written, or the API's after a start.</summary>
    public required V1PodStatus? Old { get; init; }
    public required Func<string, ProbeVerdicts> Probes { get; init; }
    public required Func<string, StartFailure?> Failures { get; init; }
    public required Func<ContainerStatus, string?> TerminationMessage { get; init; }
    /// <summary>The runtime can make mounts read-only with what is mounted below.</summary>
    public bool HasRecursiveReadOnly { get; init; }
    public required string RuntimeName { get; init; }
    public required IReadOnlyList<IPAddress> NodeIps { get; init; }

    /// <summary>The pod will run nothing any more.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>Phase Failed with this reason: eviction, deadline, admission.</summary>
    public (string Reason, string Message)? Failed { get; init; }

    /// <summary>Message of the condition DisruptionTarget: the node ended it for others' sake.</summary>
    public string? Disruption { get; init; }
}

/// <summary>The whole status of a pod. Pure.</summary>
internal static class PodStatuses
{
    public static V1PodStatus Decide(StatusInput input)
    {
        var pod = input.Pod;
        var containers = new ContainerStatuses(pod, input.Observed, input.Failures, input.RuntimeName, input.TerminationMessage,
            AllContainersRestart.IsDue(pod, input.Observed, input.Old), input.HasRecursiveReadOnly);
        var all = pod.Spec.AllContainers().ToList();
        var status = new V1PodStatus
        {
            QosClass = pod.QosClass(),
            ObservedGeneration = pod.Metadata.Generation,
            StartTime = input.Old?.StartTime,
            NominatedNodeName = null,
            ContainerStatuses = containers.Of(all.Where(c => c.Kind == ContainerKind.App), input.Old?.ContainerStatuses, sortByName: true),
            InitContainerStatuses = Some(containers.Of(
                all.Where(c => c.Kind is ContainerKind.Init or ContainerKind.Sidecar), input.Old?.InitContainerStatuses, sortByName: false)),
            EphemeralContainerStatuses = Some(containers.Of(
                all.Where(c => c.Kind == ContainerKind.Ephemeral), input.Old?.EphemeralContainerStatuses, sortByName: true)),
        };
        foreach (var spec in all) MarkReadiness(input, spec, status);

        var isInitialized = pod.Spec.Containers.Any(c => input.Observed.Find(c.Name) is { State: not ContainerState.ContainerCreated });
        var known = status.ContainerStatuses.Concat(status.InitContainerStatuses ?? []).ToList();
        status.Phase = PodPhase.Decide(pod, known, input.IsTerminal, isInitialized);
        if (!status.IsTerminalPhase())
        {
            // A terminal phase is never left.
            if (input.Old.IsTerminalPhase()) status.Phase = input.Old!.Phase;
            else if (pod.Status.IsTerminalPhase()) status.Phase = pod.Status.Phase;
        }
        if (status.IsTerminalPhase()) (status.Reason, status.Message) = (input.Old?.Reason ?? pod.Status?.Reason, input.Old?.Message ?? pod.Status?.Message);
        if (input.Failed is var (reason, message)) (status.Phase, status.Reason, status.Message) = ("Failed", reason, message);

        Addresses(input, status);
        var hasSandbox = !PodActions.Sandbox(pod, input.Observed).IsNewNeeded;
        status.Conditions = PodConditions.Decide(pod, hasSandbox, status, pod.Status?.Conditions ?? input.Old?.Conditions, input.Old?.Conditions);
        if (AllContainersRestart.Condition(pod, input.Observed, input.Old, status.Phase) is { } restarting) status.Conditions.Add(restarting);
        if (input.Disruption is { } disruption) status.Conditions.Add(PodConditions.Condition(pod, PodConditions.DisruptionTarget, true, PodConditions.TerminationByKubelet, disruption));
        return status;
    }

    private static void MarkReadiness(StatusInput input, SpecContainer spec, V1PodStatus status)
    {
        if (spec.Kind == ContainerKind.Ephemeral) return;
        var list = spec.Kind == ContainerKind.App ? status.ContainerStatuses : status.InitContainerStatuses;
        var shown = list.First(s => s.Name == spec.Name);
        var running = input.Observed.Find(spec.Name) is { State: ContainerState.ContainerRunning } c && shown.State?.Running is not null ? c : null;
        var verdicts = running is null ? default : input.Probes(running.Id);
        var isStarted = running is not null && (spec.Container.StartupProbe is null || verdicts.Startup == true);
        shown.Started = isStarted;
        shown.Ready = spec.Kind == ContainerKind.Init
            ? shown.State?.Terminated is { ExitCode: 0 }
            : isStarted && (spec.Container.ReadinessProbe is null || verdicts.Readiness == true);
    }

    private static void Addresses(StatusInput input, V1PodStatus status)
    {
        var hostIps = input.NodeIps;
        if (hostIps.Count > 0)
        {
            status.HostIP = hostIps[0].ToString();
            status.HostIPs = [.. hostIps.Take(2).Select(ip => new V1HostIP { Ip = ip.ToString() })];
        }
        IReadOnlyList<string> ips = input.Pod.IsHostNetwork() ? [.. hostIps.Take(2).Select(ip => ip.ToString())] : Sorted(input.Observed.Ips, hostIps);
        // Once the sandbox is gone its last address stays, until another sandbox has one.
        if (ips.Count == 0 && input.Observed.Sandboxes.All(s => s.State != PodSandboxState.SandboxReady)) ips = [.. input.Old?.PodIPs?.Select(i => i.Ip) ?? []];
        if (ips.Count == 0) return;
        status.PodIP = ips[0];
        status.PodIPs = [.. ips.Select(ip => new V1PodIP { Ip = ip })];
    }

    /// <summary>At most one address a family, the node's primary family first.</summary>
    private static List<string> Sorted(IReadOnlyList<string> ips, IReadOnlyList<IPAddress> hostIps)
    {
        var primary = hostIps.Count > 0 ? hostIps[0].AddressFamily : AddressFamily.InterNetwork;
        var parsed = ips.Where(ip => IPAddress.TryParse(ip, out _)).Select(IPAddress.Parse).ToList();
        return [.. parsed.DistinctBy(ip => ip.AddressFamily).OrderBy(ip => ip.AddressFamily == primary ? 0 : 1).Select(ip => ip.ToString())];
    }

    private static List<V1ContainerStatus>? Some(List<V1ContainerStatus> list) => list.Count == 0 ? null : list;
}
