using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>When what led to a change of a Service's endpoints happened, so that others can measure how long it took to reach them. Thread-safe.</summary>
internal sealed class ChangeTimes
{
    public const string Annotation = "endpoints.kubernetes.io/last-change-trigger-time";

    private readonly ConcurrentDictionary<NamespacedName, Seen> _seen = new();

    /// <summary>For a Service that is new here: its creation; else the earliest of its Pods' changes since the last call, null: none.</summary>
    public DateTimeOffset? Next(V1Service service, IReadOnlyList<V1Pod> pods)
    {
        var name = service.NamespacedName();
        var created = KubeTime.Utc(service.Metadata.CreationTimestamp);
        var times = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        foreach (var pod in pods)
            if (KubeTime.Utc(pod.Condition("Ready")?.LastTransitionTime) is { } at) times[pod.Metadata.Name] = at;
        var known = _seen.GetValueOrDefault(name);
        _seen[name] = new Seen(created, times);
        if (known is null) return created;
        DateTimeOffset? first = created > known.Service ? created : null;
        foreach (var (pod, at) in times)
            if (at > known.Pods.GetValueOrDefault(pod) && (first is null || at < first)) first = at;
        return first;
    }

    public void Forget(NamespacedName service) => _seen.TryRemove(service, out _);

    public static void Write(JsonObject metadata, DateTimeOffset? at)
    {
        if (at is { } time)
        {
            if (metadata["annotations"] is not JsonObject annotations) metadata["annotations"] = annotations = [];
            annotations[Annotation] = KubeTime.Seconds(time);
        }
        else
        {
            (metadata["annotations"] as JsonObject)?.Remove(Annotation);
        }
    }

    private sealed record Seen(DateTimeOffset? Service, Dictionary<string, DateTimeOffset> Pods);
}
