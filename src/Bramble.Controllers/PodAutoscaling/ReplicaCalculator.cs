using Bramble.Api.Quantities;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PodAutoscaling;

/// <summary>What one Pod used, in thousandths of the metric's unit.</summary>
/// <param name="Window">The time over which it was measured, up to <paramref name="At"/>.</param>
internal readonly record struct PodMetric(long Millis, DateTimeOffset At, TimeSpan Window);

/// <summary>Ratios of usage to target that change nothing.</summary>
internal readonly record struct Tolerances(double Down, double Up)
{
    public bool Contain(double ratio) => 1.0 - Down <= ratio && ratio <= 1.0 + Up;
}

/// <summary>How many replicas a metric asks for, and what it is now.</summary>
/// <param name="UsageMillis">Average over the Pods, or the whole value for metrics of something else.</param>
/// <param name="UtilizationPercent">Of the requests; null: the target is no utilization.</param>
internal readonly record struct Proposal(int Replicas, long UsageMillis, int? UtilizationPercent = null);

/// <summary>A metric says nothing now; the message tells why.</summary>
internal sealed class MetricException(string message) : Exception(message);

/// <summary>The arithmetic of HorizontalPodAutoscalers. Source: upstream's replica calculator and "Algorithm details" of the documentation.</summary>
internal sealed class ReplicaCalculator(AutoscalerSettings settings)
{
    private const string NoPods = "no pods returned by selector while calculating replica count";
    private const string NoMetrics = "did not receive metrics for targeted pods (pods might be unready)";

    /// <summary>Towards a percentage of the requests. 4 Pods at 75 % where 50 % is wanted: 4 × 1.5 = 6.</summary>
    /// <param name="container">Only this container counts; empty: all.</param>
    public Proposal ForUtilization(
        int current, int targetPercent, Dictionary<string, PodMetric> metrics, IReadOnlyList<V1Pod> pods, string resource, string container, Tolerances tolerances, DateTimeOffset now)
    {
        var groups = Group(metrics, pods, resource, now);
        var requests = pods.ToDictionary(p => p.Metadata.Name, p => Request(p, container, resource), StringComparer.Ordinal);
        var (percent, usage) = Utilization(metrics, requests);
        var replicas = Replicas(
            current, metrics, groups, tolerances, (double)percent / targetPercent,
            // What is not known is held to use all it asked for (or the target, where that is more): Pods go only when they are surely not needed.
            missing => new PodMetric(requests[missing] * Math.Max(100, targetPercent) / 100, default, default),
            () => (double)Utilization(metrics, requests).Percent / targetPercent);
        return new Proposal(replicas, usage, percent);
    }

    /// <summary>Towards an average of each Pod.</summary>
    /// <param name="resource">Empty: no resource but a metric of their own.</param>
    public Proposal ForAverage(
        int current, long targetMillis, Dictionary<string, PodMetric> metrics, IReadOnlyList<V1Pod> pods, string resource, Tolerances tolerances, DateTimeOffset now)
    {
        var groups = Group(metrics, pods, resource, now);
        var usage = Average(metrics);
        var replicas = Replicas(
            current, metrics, groups, tolerances, (double)usage / targetMillis, _ => new PodMetric(targetMillis, default, default), () => (double)Average(metrics) / targetMillis);
        return new Proposal(replicas, usage);
    }

    /// <summary>Towards a value of something that is not the Pods (a queue, an Ingress): each ready Pod stands for its share of it.</summary>
    public static Proposal ForValue(int current, long targetMillis, long usageMillis, IReadOnlyList<V1Pod> pods, Tolerances tolerances)
    {
        var ratio = (double)usageMillis / targetMillis;
        if (current == 0) return new Proposal(Ceiling(ratio), usageMillis);
        if (tolerances.Contain(ratio)) return new Proposal(current, usageMillis);
        if (pods.Count == 0) throw new MetricException($"unable to calculate ready pods: {NoPods}");
        return new Proposal(Ceiling(ratio * pods.Count(p => p.Status?.Phase == "Running" && p.IsReady())), usageMillis);
    }

    /// <summary>Towards a value of something else for each Pod: 90 messages, 30 a Pod: 3.</summary>
    /// <param name="running">Replicas that there are.</param>
    public static Proposal ForValuePerPod(int running, long targetMillis, long usageMillis, Tolerances tolerances)
    {
        var ratio = usageMillis / ((double)targetMillis * running);
        var replicas = tolerances.Contain(ratio) ? running : Ceiling((double)usageMillis / targetMillis);
        return new Proposal(replicas, usageMillis == long.MaxValue ? usageMillis : (long)Math.Ceiling((double)usageMillis / running));
    }

    private static int Replicas(
        int current, Dictionary<string, PodMetric> metrics, PodGroups groups, Tolerances tolerances, double ratio, Func<string, PodMetric> whenShrinking, Func<double> ratioAnew)
    {
        var growsWithUnready = groups.Unready.Count > 0 && ratio > 1.0;
        if (!growsWithUnready && groups.Missing.Count == 0) return tolerances.Contain(ratio) ? current : Ceiling(ratio * groups.ReadyCount);
        // The unknown is taken for what speaks against the change.
        if (ratio < 1.0)
            foreach (var name in groups.Missing) metrics[name] = whenShrinking(name);
        else if (ratio > 1.0)
            foreach (var name in groups.Missing) metrics[name] = default;
        if (growsWithUnready)
            foreach (var name in groups.Unready) metrics[name] = default;
        var anew = ratioAnew();
        if (tolerances.Contain(anew) || (ratio < 1.0 && anew > 1.0) || (ratio > 1.0 && anew < 1.0)) return current;
        var replicas = Ceiling(anew * metrics.Count);
        // Nor may the number of Pods alone turn the direction.
        return (anew < 1.0 && replicas > current) || (anew > 1.0 && replicas < current) ? current : replicas;
    }

    private sealed record PodGroups(int ReadyCount, List<string> Unready, List<string> Missing);

    /// <summary>Which Pods count; metrics of the others are taken out.</summary>
    private PodGroups Group(Dictionary<string, PodMetric> metrics, IReadOnlyList<V1Pod> pods, string resource, DateTimeOffset now)
    {
        if (pods.Count == 0) throw new MetricException(NoPods);
        var groups = new PodGroups(0, [], []);
        var ready = 0;
        foreach (var pod in pods)
        {
            var name = pod.Metadata.Name;
            if (pod.IsBeingDeleted() || pod.Status?.Phase == "Failed") metrics.Remove(name);
            else if (pod.Status?.Phase == "Pending") groups.Unready.Add(name);
            else if (!metrics.TryGetValue(name, out var metric)) groups.Missing.Add(name);
            else if (resource == "cpu" && IsUnready(pod, metric, now)) groups.Unready.Add(name);
            else ready++;
        }
        foreach (var name in groups.Unready) metrics.Remove(name);
        if (metrics.Count == 0) throw new MetricException(NoMetrics);
        return groups with { ReadyCount = ready };
    }

    private bool IsUnready(V1Pod pod, PodMetric metric, DateTimeOffset now)
    {
        if (pod.Condition("Ready") is not { } condition || KubeTime.Utc(pod.Status?.StartTime) is not { } started) return true;
        var since = KubeTime.Utc(condition.LastTransitionTime) ?? default;
        return started + settings.CpuInitializationPeriod > now
            // Young: a sample counts when the Pod was ready during all of it.
            ? condition.Status == "False" || metric.At < since + metric.Window
            : condition.Status == "False" && started + settings.InitialReadinessDelay > since;
    }

    private static (int Percent, long Average) Utilization(Dictionary<string, PodMetric> metrics, Dictionary<string, long> requests)
    {
        long used = 0, requested = 0;
        var count = 0;
        foreach (var (name, metric) in metrics)
        {
            if (!requests.TryGetValue(name, out var request)) continue;
            used += metric.Millis;
            requested += request;
            count++;
        }
        if (requested == 0) throw new MetricException("no metrics returned matched known pods");
        return ((int)(used * 100 / requested), used / count);
    }

    private static long Average(Dictionary<string, PodMetric> metrics)
    {
        // Two Pods' values may be more together than a long holds; their average is not.
        Int128 total = 0;
        foreach (var metric in metrics.Values) total += metric.Millis;
        return (long)(total / metrics.Count);
    }

    private static int Ceiling(double replicas) => replicas >= int.MaxValue ? int.MaxValue : (int)Math.Ceiling(replicas);

    /// <summary>A Pod's own request (KEP-2837) stands for the sum of its containers', unless one container is meant.</summary>
    private static long Request(V1Pod pod, string container, string resource)
    {
        var name = pod.Metadata.Name;
        if (container.Length == 0 && pod.Spec.Resources?.Requests is { Count: > 0 } own && own.Keys.Any(k => k is "cpu" or "memory" || k.StartsWith("hugepages-", StringComparison.Ordinal)))
        {
            var asked = own.TryGetValue(resource, out var amount) ? Millis(amount) : SumOfRequests(pod, resource);
            // Only here: the sum of containers is without it.
            if (pod.Spec.Overhead is { } overhead && overhead.TryGetValue(resource, out var extra)) asked = (asked ?? 0) + Millis(extra);
            return asked ?? throw new MetricException($"missing pod-level request for {resource} in Pod {name}");
        }
        long sum = 0;
        foreach (var one in Containers(pod))
        {
            if (container.Length > 0 && container != one.Name) continue;
            if (one.Resources?.Requests is not { } requests || !requests.TryGetValue(resource, out var amount))
                throw new MetricException($"missing request for {resource} in container {one.Name} of Pod {name}");
            sum += Millis(amount);
            if (container == one.Name) return sum;
        }
        return container.Length == 0 ? sum : throw new MetricException($"container {container} not found in Pod {name}");
    }

    private static IEnumerable<V1Container> Containers(V1Pod pod) => [.. pod.Spec.Containers, .. (pod.Spec.InitContainers ?? []).Where(c => c.RestartPolicy == "Always")];

    /// <summary>What the containers ask for together, or an init container with the sidecars that run before it, where that is more.</summary>
    private static long? SumOfRequests(V1Pod pod, string resource)
    {
        long? sum = null;
        long sidecars = 0, most = 0;
        foreach (var one in pod.Spec.Containers) sum = Plus(sum, one);
        foreach (var one in pod.Spec.InitContainers ?? [])
        {
            if (Plus(null, one) is not { } asked) continue;
            if (one.RestartPolicy == "Always") (sum, sidecars) = ((sum ?? 0) + asked, sidecars + asked);
            else (sum, most) = (sum ?? 0, Math.Max(most, sidecars + asked));
        }
        return sum is { } together ? Math.Max(together, most) : null;

        long? Plus(long? before, V1Container one) =>
            one.Resources?.Requests is { } requests && requests.TryGetValue(resource, out var amount) ? (before ?? 0) + Millis(amount) : before;
    }

    private static long Millis(ResourceQuantity quantity) => Quantity.Parse(quantity.ToString()).ToMillis();
}
