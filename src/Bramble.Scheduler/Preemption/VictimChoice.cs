using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Preemption;

/// <summary>How many candidate nodes are tried. KubeSchedulerConfiguration, DefaultPreemptionArgs.</summary>
internal sealed record PreemptionArgs(int CandidateNodesPercentage = 10, int CandidateNodesMin = 100)
{
    public int Candidates(int nodes) => Math.Min(nodes, Math.Max(CandidateNodesMin, nodes * CandidateNodesPercentage / 100));
}

/// <summary>A disruption budget as preemption sees it.</summary>
internal sealed record Budget(string Namespace, PodSelector Selector, int Allowed, IReadOnlySet<string> AlreadyCounted)
{
    public static Budget Of(V1PodDisruptionBudget budget) => new(
        budget.Metadata.NamespaceProperty, PodSelector.Of(budget.Spec.Selector), budget.Status?.DisruptionsAllowed ?? 0,
        (budget.Status?.DisruptedPods?.Keys ?? []).ToHashSet(StringComparer.Ordinal));

    /// <summary>An empty or absent selector covers nothing here.</summary>
    public bool Covers(PodInfo pod) => Namespace == pod.Name.Namespace && !Selector.IsEmpty && Selector.Matches(pod.Labels.Labels) && !AlreadyCounted.Contains(pod.Name.Name);
}

/// <summary>Pods that have to go for another to fit on a node, the most important first.</summary>
internal sealed record Victims(string Node, IReadOnlyList<PodInfo> Pods, int ViolationCount);

/// <summary>What preemption can do for a Pod.</summary>
internal abstract record PreemptionOutcome
{
    /// <summary>These go, and the node is the Pod's when they have gone.</summary>
    internal sealed record Preempt(Victims Victims) : PreemptionOutcome;

    /// <summary>It may not, or not now; what was nominated stays.</summary>
    internal sealed record NotEligible(string Message) : PreemptionOutcome;

    /// <summary>On each of these nodes it would help.</summary>
    internal sealed record Candidates(IReadOnlyList<Victims> All) : PreemptionOutcome;

    /// <summary>It would not help anywhere; no node is nominated any more.</summary>
    internal sealed record NotHelpful(string Message) : PreemptionOutcome;

    /// <summary>It could not be found out; nothing else is said then, and what was nominated stays.</summary>
    internal sealed record Failed(string Message) : PreemptionOutcome;
}

/// <summary>Which less important Pods make room for a more important one: on each node as few as possible, and the node where it hurts least. Pure.
/// Source: API page "Pod Priority and Preemption"; behaviour of the plugin DefaultPreemption.</summary>
internal static class VictimChoice
{
    private const string NotHelpful = "Preemption is not helpful for scheduling";
    private static readonly FilterResult NoVictims = FilterResult.Unresolvable("No preemption victims found for incoming pod");

    /// <summary>All in one.</summary>
    public static PreemptionOutcome Decide(PodInfo pod, Diagnosis diagnosis, PodFilters filters, ClusterState cluster, Func<IReadOnlyList<Budget>> budgets, PreemptionArgs args, Random random) =>
        Look(pod, diagnosis, filters, cluster, budgets, args, random) is var outcome && outcome is PreemptionOutcome.Candidates found ? Choose(found.All) : outcome;

    /// <summary>Fewest budgets broken; then the lowest most important victim, the smallest sum of priorities, the fewest Pods, the latest start of the most important.</summary>
    public static PreemptionOutcome Choose(IReadOnlyList<Victims> candidates)
    {
        var best = candidates
            .OrderBy(v => v.ViolationCount)
            .ThenBy(v => v.Pods[0].Priority)
            // Every priority is made positive: two Pods of priority -1 must not look cheaper than one.
            .ThenBy(v => v.Pods.Sum(p => (long)p.Priority + int.MaxValue + 1))
            .ThenBy(v => v.Pods.Count)
            .ThenByDescending(v => v.Pods.Where(p => p.Priority == v.Pods[0].Priority).Min(p => p.StartedAt))
            .FirstOrDefault();
        return best is null ? new PreemptionOutcome.NotEligible("preemption: no candidate node for preemption") : new PreemptionOutcome.Preempt(best);
    }

    /// <returns>Candidates, or why there are none.</returns>
    public static PreemptionOutcome Look(PodInfo pod, Diagnosis diagnosis, PodFilters filters, ClusterState cluster, Func<IReadOnlyList<Budget>> budgets, PreemptionArgs args, Random random)
    {
        if (pod.Pod.Spec.PreemptionPolicy == "Never") return new PreemptionOutcome.NotEligible("preemption: not eligible due to preemptionPolicy=Never.");
        // Victims of an earlier round are still going: no second round, unless other Pods are not what is wrong with the node.
        // What was nominated shows in the Pod a little later than it is known here.
        var nominatedNode = pod.NominatedNode.Length > 0 ? pod.NominatedNode : cluster.Nominations.NodeOf(pod.Uid) ?? "";
        if (nominatedNode.Length > 0 && !diagnosis.Of(nominatedNode).IsUnresolvable && cluster.Find(nominatedNode) is { } nominated
            && nominated.Pods.Any(p => p.Priority < pod.Priority && IsGoingForAnother(p.Pod)))
            return new PreemptionOutcome.NotEligible("preemption: not eligible due to a terminating pod on the nominated node.");

        var statuses = new Diagnosis(cluster.NodeCount) { Others = FilterResult.Unresolvable(NotHelpful) };
        var errors = new List<string>();
        var candidates = Candidates(pod, diagnosis, filters, cluster, budgets, args, random, statuses, errors);
        if (candidates.Count > 0) return new PreemptionOutcome.Candidates(candidates);
        return errors.Count > 0 ? new PreemptionOutcome.Failed($"preemption: {(errors.Count == 1 ? errors[0] : $"[{string.Join(", ", errors)}]")}")
            : new PreemptionOutcome.NotHelpful("preemption: " + statuses.Message());
    }

    private static List<Victims> Candidates(
        PodInfo pod, Diagnosis diagnosis, PodFilters filters, ClusterState cluster, Func<IReadOnlyList<Budget>> budgets, PreemptionArgs args, Random random, Diagnosis statuses, List<string> errors)
    {
        var nodes = cluster.Nodes.Where(n => !diagnosis.Of(n.Name).IsUnresolvable).ToArray();
        var candidates = new List<Victims>();
        if (nodes.Length == 0) return candidates;
        var known = budgets();
        var (wanted, start, harmless) = (args.Candidates(nodes.Length), random.Next(nodes.Length), 0);
        for (var i = 0; i < nodes.Length; i++)
        {
            var node = nodes[(start + i) % nodes.Length];
            Victims? victims;
            try
            {
                victims = On(node, pod, filters, cluster.Nominations, known, out var refusal);
                if (victims is null) statuses.Refuse(node.Name, refusal);
            }
            catch (SchedulingException e)
            {
                // What is wrong with one node does not matter where another will do.
                if (!errors.Contains(e.Message)) errors.Add(e.Message);
                continue;
            }
            if (victims is null) continue;
            candidates.Add(victims);
            if (victims.ViolationCount == 0) harmless++;
            if (harmless > 0 && candidates.Count >= wanted) break;
        }
        return candidates;
    }

    private static Victims? On(NodeInfo original, PodInfo pod, PodFilters originalFilters, Nominations nominations, IReadOnlyList<Budget> budgets, out FilterResult refusal)
    {
        refusal = NoVictims;
        var lesser = original.Pods.Where(p => p.Priority < pod.Priority).ToList();
        if (lesser.Count == 0) return null;
        var (node, filters) = (original.Copy(), originalFilters.Copy());
        foreach (var other in lesser) Remove(other);
        refusal = filters.FilterWithNominated(node, nominations, out _);
        if (!refusal.DoesFit) return null;

        lesser.Sort(PodInfo.MoreImportantFirst);
        var (violating, others) = Split(lesser, budgets);
        var victims = new List<PodInfo>();
        // As many as can stay are put back: first those whose budget would break, of each kind the most important first.
        var violations = violating.Count(p => !TryPutBack(p));
        foreach (var other in others) TryPutBack(other);
        // No rule refuses the node as it is (an extender did): no eviction would change that.
        if (victims.Count == 0) throw new SchedulingException($"expected at least one victim pod on node \"{node.Name}\"");
        victims.Sort(PodInfo.MoreImportantFirst);
        return new Victims(node.Name, victims, violations);

        bool TryPutBack(PodInfo other)
        {
            node.Add(other);
            filters.Add(other, node);
            if (filters.FilterWithNominated(node, nominations, out _).DoesFit) return true;
            Remove(other);
            victims.Add(other);
            return false;
        }

        void Remove(PodInfo other)
        {
            node.Remove(other.Uid);
            filters.Remove(other, node);
        }
    }

    /// <summary>In the order given, each Pod uses up its budgets; one that finds nothing left would break it.</summary>
    internal static (List<PodInfo> Violating, List<PodInfo> Others) Split(IEnumerable<PodInfo> pods, IReadOnlyList<Budget> budgets)
    {
        var (violating, others) = (new List<PodInfo>(), new List<PodInfo>());
        var left = budgets.Select(b => b.Allowed).ToArray();
        foreach (var pod in pods)
        {
            var violates = false;
            for (var i = 0; i < left.Length; i++)
                if (pod.Labels.Labels is { Count: > 0 } && budgets[i].Covers(pod)) violates |= --left[i] < 0;
            (violates ? violating : others).Add(pod);
        }
        return (violating, others);
    }

    private static bool IsGoingForAnother(V1Pod pod) => pod.Metadata.DeletionTimestamp is not null
        && pod.Status?.Conditions?.FirstOrDefault(c => c.Type == "DisruptionTarget") is { Status: "True", Reason: "PreemptionByScheduler" };
}
