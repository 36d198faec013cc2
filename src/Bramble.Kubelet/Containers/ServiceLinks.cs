using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>Environment variables of services, Docker-links style. Pure.</summary>
internal static class ServiceLinks
{
    /// <param name="isLinked">enableServiceLinks; the API server's own service is always there.</param>
    public static IEnumerable<KeyValuePair<string, string>> Of(string ns, IEnumerable<V1Service> services, bool isLinked)
    {
        var chosen = new SortedDictionary<string, V1Service>(StringComparer.Ordinal);
        foreach (var service in services)
        {
            if (service.Spec?.ClusterIP is null or "" or "None") continue;
            var isApi = service.Metadata.NamespaceProperty == "default" && service.Metadata.Name == "kubernetes";
            var isOwn = service.Metadata.NamespaceProperty == ns;
            // A service of the pod's own namespace wins over the API server's of the same name.
            if (isOwn && (isLinked || isApi)) chosen[service.Metadata.Name] = service;
            else if (isApi) chosen.TryAdd(service.Metadata.Name, service);
        }
        foreach (var service in chosen.Values)
            foreach (var variable in OfService(service)) yield return variable;
    }

    private static IEnumerable<KeyValuePair<string, string>> OfService(V1Service service)
    {
        var name = Variable(service.Metadata.Name);
        var ip = service.Spec.ClusterIP;
        var ports = service.Spec.Ports ?? [];
        if (ports.Count == 0) yield break;
        yield return new($"{name}_SERVICE_HOST", ip);
        yield return new($"{name}_SERVICE_PORT", $"{ports[0].Port}");
        foreach (var port in ports)
            if (!string.IsNullOrEmpty(port.Name)) yield return new($"{name}_SERVICE_PORT_{Variable(port.Name)}", $"{port.Port}");
        for (var i = 0; i < ports.Count; i++)
        {
            var protocol = ports[i].Protocol ?? "TCP";
            var host = ip.Contains(':') ? $"[{ip}]" : ip;
            var url = $"{protocol.ToLowerInvariant()}://{host}:{ports[i].Port}";
            var prefix = $"{name}_PORT_{ports[i].Port}_{protocol.ToUpperInvariant()}";
            if (i == 0) yield return new($"{name}_PORT", url);
            yield return new(prefix, url);
            yield return new($"{prefix}_PROTO", protocol.ToLowerInvariant());
            yield return new($"{prefix}_PORT", $"{ports[i].Port}");
            yield return new($"{prefix}_ADDR", ip);
        }
    }

    private static string Variable(string name) => name.Replace('-', '_').ToUpperInvariant();
}
