using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>What a container is in its pod.</summary>
internal enum ContainerKind { Init, Sidecar, App, Ephemeral }

/// <summary>A container of the spec and its role; an ephemeral one seen as an ordinary container.</summary>
internal readonly record struct SpecContainer(V1Container Container, ContainerKind Kind, string? TargetContainer = null)
{
    public string Name => Container.Name;
}

/// <summary>Questions about a pod's spec that several decisions ask.</summary>
internal static class PodSpecs
{
    public static string Namespace(this V1Pod pod) => pod.Metadata.NamespaceProperty ?? "";
    public static string Name(this V1Pod pod) => pod.Metadata.Name;
    public static string Uid(this V1Pod pod) => pod.Metadata.Uid;

    /// <summary>As upstream names a pod in messages: <c>name_namespace(uid)</c>.</summary>
    public static string Described(this V1Pod pod) => $"{pod.Name()}_{pod.Namespace()}({pod.Uid()})";

    public static bool IsBeingDeleted(this V1Pod pod) => pod.Metadata.DeletionTimestamp is not null;
    public static bool IsHostNetwork(this V1Pod pod) => pod.Spec.HostNetwork == true;

    /// <summary>From a file or URL, not from the API.</summary>
    public static bool IsStatic(this V1Pod pod) =>
        pod.Metadata.Annotations is { } a && a.TryGetValue(Annotations.ConfigSource, out var source) && source != "api";

    /// <summary>The API's picture of a static pod.</summary>
    public static bool IsMirror(this V1Pod pod) => pod.Metadata.Annotations?.ContainsKey(Annotations.ConfigMirror) == true;

    /// <summary>Others make room for it, and it is evicted last: a static pod, or one with a system priority.</summary>
    public static bool IsCritical(this V1Pod pod) => pod.IsStatic() || pod.IsMirror() || pod.Spec.Priority >= 2_000_000_000;

    public static bool IsTerminalPhase(this V1PodStatus? status) => status?.Phase is "Succeeded" or "Failed";

    /// <summary>An init container with restartPolicy Always (KEP-753).</summary>
    public static bool IsSidecar(this V1Container init) => init.RestartPolicy == "Always";

    public static IEnumerable<SpecContainer> AllContainers(this V1PodSpec spec)
    {
        foreach (var c in spec.InitContainers ?? []) yield return new(c, c.IsSidecar() ? ContainerKind.Sidecar : ContainerKind.Init);
        foreach (var c in spec.Containers ?? []) yield return new(c, ContainerKind.App);
        foreach (var c in spec.EphemeralContainers ?? []) yield return new(AsContainer(c), ContainerKind.Ephemeral, c.TargetContainerName);
    }

    public static SpecContainer? FindContainer(this V1PodSpec spec, string name)
    {
        foreach (var c in spec.AllContainers())
            if (c.Name == name) return c;
        return null;
    }

    public static V1Container AsContainer(V1EphemeralContainer c) => new()
    {
        Name = c.Name,
        Image = c.Image,
        Command = c.Command,
        Args = c.Args,
        WorkingDir = c.WorkingDir,
        Env = c.Env,
        EnvFrom = c.EnvFrom,
        ImagePullPolicy = c.ImagePullPolicy,
        Resources = c.Resources,
        SecurityContext = c.SecurityContext,
        Stdin = c.Stdin,
        StdinOnce = c.StdinOnce,
        Tty = c.Tty,
        TerminationMessagePath = c.TerminationMessagePath,
        TerminationMessagePolicy = c.TerminationMessagePolicy,
        VolumeMounts = c.VolumeMounts,
        VolumeDevices = c.VolumeDevices,
        // Ephemeral containers are never restarted.
        RestartPolicy = "Never",
    };

    /// <summary>Whether a container that ended with <paramref name="exitCode"/> runs again: its restart rules, its own policy, the pod's (KEP-5307).</summary>
    public static bool RestartsAfter(this V1Container container, V1PodSpec spec, int exitCode)
    {
        if (container.RestartPolicy is { } own)
        {
            if (container.RuleFor(exitCode) is { } rule && rule.Action is "Restart" or "RestartAllContainers") return true;
            return own switch { "Always" => true, "OnFailure" => exitCode != 0, _ => false };
        }
        return spec.RestartPolicy switch { "Never" => false, "OnFailure" => exitCode != 0, _ => true };
    }

    /// <summary>The first of its restart rules for that exit code.</summary>
    public static V1ContainerRestartRule? RuleFor(this V1Container container, int exitCode)
    {
        foreach (var rule in container.RestartPolicyRules ?? [])
        {
            if (rule.ExitCodes is not { } codes) continue;
            var isListed = codes.Values?.Contains(exitCode) == true;
            if (codes.OperatorProperty == "In" ? isListed : codes.OperatorProperty == "NotIn" && !isListed) return rule;
        }
        return null;
    }

    public static bool RestartsOnFailure(this V1Pod pod, V1Container? container = null) => (container?.RestartPolicy ?? pod.Spec.RestartPolicy) != "Never";

    /// <summary>Guaranteed, Burstable or BestEffort (as API page "Pod Quality of Service Classes").</summary>
    public static string QosClass(this V1Pod pod)
    {
        if (pod.Spec.Resources is { } whole && (whole.Requests is { Count: > 0 } || whole.Limits is { Count: > 0 })) return QosOf([whole]);
        return QosOf([.. (pod.Spec.InitContainers ?? []).Concat(pod.Spec.Containers).Select(c => c.Resources)]);
    }

    private static string QosOf(IReadOnlyList<V1ResourceRequirements?> all)
    {
        var isAnythingSet = false;
        var isGuaranteed = true;
        foreach (var r in all)
        {
            foreach (var name in (string[])["cpu", "memory"])
            {
                var request = Amount(r?.Requests, name);
                var limit = Amount(r?.Limits, name);
                if (request > 0 || limit > 0) isAnythingSet = true;
                // Where nothing is requested the limit is; where zero is, zero is.
                if (limit == 0 || (r?.Requests?.ContainsKey(name) == true && request != limit)) isGuaranteed = false;
            }
        }
        return !isAnythingSet ? "BestEffort" : isGuaranteed ? "Guaranteed" : "Burstable";
    }

    /// <summary>0 when absent.</summary>
    public static decimal Amount(IDictionary<string, ResourceQuantity>? resources, string name) =>
        resources is not null && resources.TryGetValue(name, out var q) ? q.ToDecimal() : 0;

    /// <summary>What the scheduler and admission count for the pod: max(sum of apps and sidecars, each init with the sidecars before it) + overhead.</summary>
    public static decimal EffectiveRequest(this V1PodSpec spec, string name)
    {
        var total = spec.Resources?.Requests?.ContainsKey(name) == true
            ? Amount(spec.Resources.Requests, name)
            : spec.Together(c => c.Resources?.Requests?.ContainsKey(name) == true ? Amount(c.Resources.Requests, name) : Amount(c.Resources?.Limits, name));
        return total + Amount(spec.Overhead, name);
    }

    /// <summary>What the pod may use at most: its own limit, or its containers' together where each has one; with overhead. 0: no limit.</summary>
    public static decimal EffectiveLimit(this V1PodSpec spec, string name)
    {
        decimal Of(V1Container c) => Amount(c.Resources?.Limits, name);
        if (Amount(spec.Resources?.Limits, name) is > 0 and var whole) return whole + Amount(spec.Overhead, name);
        return spec.Containers.Concat(spec.InitContainers ?? []).All(c => Of(c) > 0) ? spec.Together(Of) + Amount(spec.Overhead, name) : 0;
    }

    /// <summary>Apps and sidecars together, or an init container with the sidecars before it, whatever is more (KEP-753).</summary>
    public static decimal Together(this V1PodSpec spec, Func<V1Container, decimal> amount)
    {
        decimal sidecars = 0, initPeak = 0;
        foreach (var init in spec.InitContainers ?? [])
        {
            if (init.IsSidecar()) sidecars += amount(init);
            initPeak = Math.Max(initPeak, init.IsSidecar() ? sidecars : sidecars + amount(init));
        }
        return Math.Max(initPeak, sidecars + spec.Containers.Sum(amount));
    }
}

/// <summary>Annotations with a meaning for the kubelet.</summary>
internal static class Annotations
{
    public const string ConfigSource = "kubernetes.io/config.source";
    public const string ConfigHash = "kubernetes.io/config.hash";
    public const string ConfigMirror = "kubernetes.io/config.mirror";
    public const string ConfigSeen = "kubernetes.io/config.seen";
}
