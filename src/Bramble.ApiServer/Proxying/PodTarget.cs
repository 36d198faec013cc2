using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Proxying;

/// <summary>The pod and container that a request means, with upstream's refusals.</summary>
internal sealed record PodTarget(NamespacedName Name, string Container, string Node)
{
    public static readonly GroupResource Pods = new("", "pods");

    /// <param name="container">As given; empty: the only one.</param>
    public static PodTarget Find(IResourceReader reader, NamespacedName name, string container)
    {
        var pod = Get(reader, name);
        return new(name, ChooseContainer(pod, name.Name, container), (string?)pod["spec"]?["nodeName"] ?? "");
    }

    public static JsonObject Get(IResourceReader reader, NamespacedName name) => reader.Find(Pods, name)?.ToTree() ?? throw StatusErrors.NotFound(Pods, name.Name);

    private static string ChooseContainer(JsonObject pod, string podName, string container)
    {
        List<string> Names(string field) => [.. (pod["spec"]?[field] as JsonArray ?? []).Select(c => (string?)c?["name"] ?? "")];
        var (containers, initContainers) = (Names("containers"), Names("initContainers"));
        if (container.Length > 0)
            return containers.Contains(container) || initContainers.Contains(container) || Names("ephemeralContainers").Contains(container)
                ? container
                : throw StatusErrors.BadRequest($"container {container} is not valid for pod {podName}");
        if (containers.Count == 1) return containers[0];
        var message = $"a container name must be specified for pod {podName}";
        if (containers.Count > 1)
        {
            message += $", choose one of: [{string.Join(' ', containers)}]";
            if (initContainers.Count > 0) message += $" or one of the init containers: [{string.Join(' ', initContainers)}]";
        }
        throw StatusErrors.BadRequest(message);
    }
}
