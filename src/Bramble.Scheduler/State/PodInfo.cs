using Bramble.Api.Naming;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>A host port that a Pod occupies.</summary>
internal readonly record struct HostPort(string Ip, string Protocol, int Port)
{
    /// <summary>An empty or 0.0.0.0 address is every address.</summary>
    public bool ConflictsWith(HostPort other) =>
        Port == other.Port && Protocol == other.Protocol && (Ip == "0.0.0.0" || other.Ip == "0.0.0.0" || Ip == other.Ip);
}

/// <summary>A Pod with what filters and scores ask of it, computed once a version.</summary>
internal sealed class PodInfo
{
    // What a container that asks for nothing is counted as when nodes are compared, so that many such pods still spread.
    private const long DefaultCpuMillicores = 100;
    private const long DefaultMemoryBytes = 200 * 1024 * 1024;

    public PodInfo(V1Pod pod)
    {
        Pod = pod;
        Name = pod.NamespacedName();
        Requests = Sum(pod, ResourceAmountsOf);
        ScoreRequests = Sum(pod, c =>
        {
            var amounts = ResourceAmountsOf(c);
            if (amounts["cpu"] == 0 && c.Resources?.Requests?.ContainsKey("cpu") != true) amounts.Set("cpu", DefaultCpuMillicores);
            if (amounts["memory"] == 0 && c.Resources?.Requests?.ContainsKey("memory") != true) amounts.Set("memory", DefaultMemoryBytes);
            return amounts;
        });
        HostPorts = [.. pod.Spec.Containers.Concat((pod.Spec.InitContainers ?? []).Where(IsSidecar)).SelectMany(c => c.Ports ?? [])
            .Where(p => p.HostPort is > 0)
            .Select(p => new HostPort(string.IsNullOrEmpty(p.HostIP) || p.HostIP == "::" ? "0.0.0.0" : p.HostIP, p.Protocol ?? "TCP", p.HostPort!.Value))];
        ControllerUid = pod.ControllerRef()?.Uid;
    }

    public V1Pod Pod { get; }
    public NamespacedName Name { get; }
    public string Uid => Pod.Metadata.Uid;
    public ResourceAmounts Requests { get; }
    public ResourceAmounts ScoreRequests { get; }
    public IReadOnlyList<HostPort> HostPorts { get; }
    public string? ControllerUid { get; }
    public int Priority => Pod.Spec.Priority ?? 0;
    public bool HasAntiAffinity => Pod.Spec.Affinity?.PodAntiAffinity?.RequiredDuringSchedulingIgnoredDuringExecution is { Count: > 0 };

    private static ResourceAmounts ResourceAmountsOf(V1Container container) => ResourceAmounts.Of(container.Resources?.Requests);

    private static bool IsSidecar(V1Container container) => container.RestartPolicy == "Always";

    /// <summary>Containers and sidecars together, or the largest moment of the init containers where that is more; and the runtime's overhead.</summary>
    private static ResourceAmounts Sum(V1Pod pod, Func<V1Container, ResourceAmounts> amountsOf)
    {
        var total = new ResourceAmounts();
        foreach (var container in pod.Spec.Containers) total.Add(amountsOf(container));
        var sidecars = new ResourceAmounts();
        var highest = new ResourceAmounts();
        foreach (var init in pod.Spec.InitContainers ?? [])
        {
            var moment = amountsOf(init);
            if (IsSidecar(init))
            {
                total.Add(moment);
                sidecars.Add(moment);
                highest.RaiseTo(sidecars);
                continue;
            }
            moment.Add(sidecars);
            highest.RaiseTo(moment);
        }
        total.RaiseTo(highest);
        // Requests of the whole pod stand in place of its containers' sums.
        foreach (var (name, amount) in ResourceAmounts.Of(pod.Spec.Resources?.Requests).All) total.Set(name, amount);
        total.Add(ResourceAmounts.Of(pod.Spec.Overhead));
        return total;
    }
}
