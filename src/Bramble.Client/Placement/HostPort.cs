using k8s.Models;

namespace Bramble.Client.Placement;

/// <summary>A port of the node's own addresses that a Pod occupies.</summary>
public readonly record struct HostPort(string Ip, string Protocol, int Port)
{
    private const string Every = "0.0.0.0";

    public bool ConflictsWith(in HostPort other) =>
        Port == other.Port && Protocol == other.Protocol && (Ip == Every || other.Ip == Every || Ip == other.Ip);

    /// <summary>Whether any of these ports cannot be had together with those.</summary>
    public static bool AnyConflict(HostPort[] wanted, IReadOnlyList<HostPort> taken)
    {
        for (var i = 0; i < taken.Count; i++)
            foreach (var port in wanted)
                if (port.ConflictsWith(taken[i])) return true;
        return false;
    }

    /// <summary>Those of containers and sidecars; other init containers are gone when the Pod runs.</summary>
    public static HostPort[] Of(V1Pod pod)
    {
        List<HostPort>? ports = null;
        foreach (var container in pod.Spec.Containers) Collect(container);
        foreach (var init in pod.Spec.InitContainers ?? [])
            if (init.RestartPolicy == "Always") Collect(init);
        return ports is null ? [] : [.. ports];

        void Collect(V1Container container)
        {
            foreach (var port in container.Ports ?? [])
                if (port.HostPort is > 0 and var number)
                    (ports ??= []).Add(new(string.IsNullOrEmpty(port.HostIP) ? Every : port.HostIP, string.IsNullOrEmpty(port.Protocol) ? "TCP" : port.Protocol, number));
        }
    }
}
