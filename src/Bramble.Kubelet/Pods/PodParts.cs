using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Kubelet.Api;
using Bramble.Kubelet.Cgroups;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.DevicePlugins;
using Bramble.Kubelet.Dra;
using Bramble.Kubelet.Images;
using Bramble.Kubelet.Probes;
using Bramble.Kubelet.Volumes;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Pods;

/// <summary>What all pod workers share: wired once in <see cref="Kubelet"/>.</summary>
internal sealed record PodParts
{
    public required KubeletConfig Config { get; init; }
    public required IKubeClient Client { get; init; }
    public required IRuntimeService Runtime { get; init; }

    /// <summary>The runtime's name in container ids: <c>containerd</c>.</summary>
    public required string RuntimeName { get; init; }
    public required PodObserver Observer { get; init; }
    public required PodStatusWriter Statuses { get; init; }
    public required PodVolumes Volumes { get; init; }
    public required DynamicResources DynamicResources { get; init; }
    public required RuntimeSupport RuntimeSupport { get; init; }
    public required UserNamespaces UserNamespaces { get; init; }
    public required DevicePluginManager DevicePlugins { get; init; }
    public required ServiceAccountTokens Tokens { get; init; }
    public required ObjectWatches Objects { get; init; }
    public required ImagePuller Images { get; init; }
    public required SandboxConfigs Sandboxes { get; init; }
    public required ContainerConfigs Containers { get; init; }
    public required TerminationMessages TerminationMessages { get; init; }
    public required PodCgroups Cgroups { get; init; }
    public required PodProbes Probes { get; init; }
    public required Prober Prober { get; init; }
    public required Backoff Restarts { get; init; }
    public required EventRecorder Events { get; init; }

    /// <summary>Services known now; null: not read once yet.</summary>
    public required Func<IEnumerable<V1Service>?> Services { get; init; }
    public required Func<string, decimal> Allocatable { get; init; }

    /// <summary>Null: the runtime's network is ready; else why not.</summary>
    public required Func<string?> NetworkProblem { get; init; }

    /// <summary>Uid of the API's object of a pod: its own, or its mirror's; null: none.</summary>
    public required Func<V1Pod, string?> ApiUid { get; init; }

    /// <summary>A copy of a pod's whole object, as the API or the manifest has it; null: gone.</summary>
    public required Func<V1Pod, JsonObject?> Tree { get; init; }
    public required TimeProvider Time { get; init; }
    public required ILogger Log { get; init; }

    public IReadOnlyList<string> HostIps => [.. Config.NodeIps.Take(2).Select(ip => ip.ToString())];

    public void Tell(V1Pod pod, string? container, string type, string reason, string message)
    {
        var path = "";
        if (container is not null && pod.Spec.FindContainer(container) is { } spec)
        {
            path = spec.Kind switch
            {
                ContainerKind.App => $"spec.containers{{{container}}}",
                ContainerKind.Ephemeral => $"spec.ephemeralContainers{{{container}}}",
                _ => $"spec.initContainers{{{container}}}",
            };
        }
        var uid = ApiUid(pod) ?? pod.Uid();
        var subject = new EventSubject("v1", "Pod", new NamespacedName(pod.Namespace(), pod.Name()), uid, pod.Metadata.ResourceVersion ?? "", path);
        if (type == "Warning") Events.Warning(subject, reason, message);
        else Events.Normal(subject, reason, message);
    }
}
