using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>Which pods make room for a critical one: those of the worst quality of service first, and as few of them as can be. Pure; the rules are those of
/// upstream's kubelet (pkg/kubelet/preemption).</summary>
internal static class PodPreemption
{
    /// <summary>How a pod ends that makes room.</summary>
    public static readonly PodEnd End = new(
        Reason: "Preempting", Message: "Preempted in order to admit critical pod", Disruption: "Pod was preempted by Kubelet to accommodate a critical pod.");

    /// <param name="shortages">What the node has too little of for <paramref name="critical"/>.</param>
    /// <returns>Null: all of them together would not be enough.</returns>
    public static List<V1Pod>? Choose(V1Pod critical, IReadOnlyCollection<V1Pod> others, IReadOnlyList<Shortage> shortages)
    {
        var all = shortages.Select(s => new Need(s.Resource, s.Missing)).ToList();
        var (guaranteed, burstable, bestEffort) = (Of("Guaranteed"), Of("Burstable"), Of("BestEffort"));
        if (Choose(guaranteed, Left(all, [.. bestEffort, .. burstable])) is not { } first) return null;
        // With what the better classes give anyway fewer of the worse ones are needed.
        var second = Choose(burstable, Left(all, [.. bestEffort, .. first]))!;
        var third = Choose(bestEffort, Left(all, [.. second, .. first]))!;
        return [.. third, .. second, .. first];

        List<V1Pod> Of(string qos) => [.. others.Where(other => IsPreemptable(critical, other) && other.QosClass() == qos)];
    }

    private static bool IsPreemptable(V1Pod critical, V1Pod other) =>
        (critical.IsCritical() && !other.IsCritical()) || (critical.Spec.Priority is { } mine && other.Spec.Priority is { } its && mine > its);

    private static List<V1Pod>? Choose(List<V1Pod> pods, List<Need> needs)
    {
        var chosen = new List<V1Pod>();
        while (needs.Count > 0)
        {
            if (pods.Count == 0) return null;
            var best = pods[0];
            foreach (var pod in pods.Skip(1))
            {
                var (distance, shortest) = (Distance(pod, needs), Distance(best, needs));
                if (distance < shortest || (distance == shortest && IsSmaller(pod, best))) best = pod;
            }
            pods.Remove(best);
            chosen.Add(best);
            needs = Left(needs, [best]);
        }
        return chosen;
    }

    /// <summary>How far the pod's requests are from what is needed, each resource with the same weight.</summary>
    private static double Distance(V1Pod pod, List<Need> needs)
    {
        double sum = 0;
        foreach (var need in needs)
        {
            var remaining = (double)((need.Amount - Request(pod, need.Resource)) / need.Amount);
            if (remaining > 0) sum += remaining * remaining;
        }
        return sum;
    }

    private static bool IsSmaller(V1Pod one, V1Pod other)
    {
        foreach (var resource in (string[])["memory", "cpu"])
            if (Request(one, resource).CompareTo(Request(other, resource)) is not 0 and var order) return order < 0;
        return true;
    }

    private static List<Need> Left(List<Need> needs, IReadOnlyList<V1Pod> without)
    {
        var left = new List<Need>();
        foreach (var need in needs)
        {
            var amount = need.Amount - without.Sum(pod => Request(pod, need.Resource));
            if (amount > 0) left.Add(new(need.Resource, amount));
        }
        return left;
    }

    private static decimal Request(V1Pod pod, string resource) => resource == "pods" ? 1 : pod.Spec.EffectiveRequest(resource);

    private sealed class Need(string resource, decimal amount)
    {
        public string Resource => resource;
        public decimal Amount => amount;
    }
}
