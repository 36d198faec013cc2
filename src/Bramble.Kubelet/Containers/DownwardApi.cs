using System.Globalization;
using System.Text;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>The container cannot be configured: what its status and event say. Reason CreateContainerConfigError.</summary>
internal sealed class ContainerConfigException(string message) : Exception(message);

/// <summary>Fields and resources of a pod as texts, for environment variables and files. Pure.</summary>
internal static class DownwardApi
{
    /// <param name="podIps">Of the sandbox, not yet in the status when the first container starts.</param>
    public static string Field(V1Pod pod, string path, IReadOnlyList<string> podIps, IReadOnlyList<string> hostIps)
    {
        if (Subscript(path) is var (map, key))
        {
            var values = map switch
            {
                "metadata.labels" => pod.Metadata.Labels,
                "metadata.annotations" => pod.Metadata.Annotations,
                _ => throw new ContainerConfigException($"fieldPath \"{path}\" does not support subscript"),
            };
            return values is not null && values.TryGetValue(key, out var value) ? value : "";
        }
        return path switch
        {
            "metadata.name" => pod.Name(),
            "metadata.namespace" => pod.Namespace(),
            "metadata.uid" => pod.Uid(),
            "metadata.labels" => Lines(pod.Metadata.Labels),
            "metadata.annotations" => Lines(pod.Metadata.Annotations),
            "spec.nodeName" => pod.Spec.NodeName ?? "",
            "spec.serviceAccountName" => pod.Spec.ServiceAccountName ?? "",
            "status.hostIP" => hostIps.Count > 0 ? hostIps[0] : "",
            "status.hostIPs" => string.Join(',', hostIps),
            "status.podIP" => podIps.Count > 0 ? podIps[0] : "",
            "status.podIPs" => string.Join(',', podIps),
            _ => throw new ContainerConfigException($"unsupported fieldPath: {path}"),
        };
    }

    /// <param name="allocatable">What the node has: the answer for a limit that is not set.</param>
    public static string Resource(V1Pod pod, V1Container own, V1ResourceFieldSelector selector, Func<string, decimal> allocatable)
    {
        var container = own;
        if (!string.IsNullOrEmpty(selector.ContainerName))
            container = pod.Spec.FindContainer(selector.ContainerName)?.Container
                ?? throw new ContainerConfigException($"container {selector.ContainerName} not found");
        var dot = selector.Resource.IndexOf('.');
        var (kind, name) = dot < 0 ? ("", selector.Resource) : (selector.Resource[..dot], selector.Resource[(dot + 1)..]);
        var amount = kind switch
        {
            "limits" => PodSpecs.Amount(container.Resources?.Limits, name),
            "requests" => PodSpecs.Amount(container.Resources?.Requests, name),
            _ => throw new ContainerConfigException($"unsupported container resource : {selector.Resource}"),
        };
        if (amount == 0 && kind == "limits") amount = allocatable(name);
        var divisor = selector.Divisor?.ToDecimal() is > 0 and var d ? d : 1m;
        return decimal.Ceiling(amount / divisor).ToString("0", CultureInfo.InvariantCulture);
    }

    private static (string Map, string Key)? Subscript(string path) =>
        path.EndsWith("']", StringComparison.Ordinal) && path.IndexOf("['", StringComparison.Ordinal) is > 0 and var i ? (path[..i], path[(i + 2)..^2]) : null;

    /// <summary><c>key="value"</c> lines in key order, values quoted as Go's %q.</summary>
    private static string Lines(IDictionary<string, string>? map)
    {
        if (map is null) return "";
        var text = new StringBuilder();
        foreach (var (key, value) in map.OrderBy(p => p.Key, StringComparer.Ordinal))
            text.Append(key).Append('=').Append(Bramble.Api.Errors.FieldError.Quote(value)).Append('\n');
        return text.ToString().TrimEnd('\n');
    }
}
