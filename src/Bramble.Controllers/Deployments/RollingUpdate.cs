using System.Globalization;
using System.Text.Json.Nodes;

namespace Bramble.Controllers.Deployments;

/// <summary>A ReplicaSet shall have this many replicas.</summary>
/// <param name="IsForced">Also where the number is right already its annotations are brought up to date.</param>
internal sealed record Scale(ReplicaSetView Set, int Replicas, bool IsForced = false);

/// <summary>How many pods more or fewer than wanted a Deployment may have meanwhile.</summary>
internal readonly record struct Fenceposts(int MaxSurge, int MaxUnavailable)
{
    /// <summary>Percentages of the wanted number: surge rounds up, unavailable down. Both 0 would never move: then one may be unavailable.</summary>
    public static Fenceposts Of(JsonObject deployment, int replicas)
    {
        if ((string?)deployment["spec"]?["strategy"]?["type"] == "Recreate") return new(0, 0);
        var rolling = deployment["spec"]?["strategy"]?["rollingUpdate"];
        var surge = Resolve(rolling?["maxSurge"], replicas, isRoundedUp: true);
        var unavailable = Resolve(rolling?["maxUnavailable"], replicas, isRoundedUp: false);
        if (surge == 0 && unavailable == 0) unavailable = 1;
        return new(surge, Math.Min(unavailable, Math.Max(replicas, 0)));
    }

    public static int Resolve(JsonNode? value, int total, bool isRoundedUp)
    {
        if (value is null) return 0;
        if (value is JsonValue v && v.TryGetValue<int>(out var number)) return number;
        var text = value.ToString();
        if (!text.EndsWith('%') || !double.TryParse(text[..^1], CultureInfo.InvariantCulture, out var percent)) return int.TryParse(text, CultureInfo.InvariantCulture, out var plain) ? plain : 0;
        var exact = percent * total / 100;
        return (int)(isRoundedUp ? Math.Ceiling(exact) : Math.Floor(exact));
    }
}

/// <summary>The steps of a rolling update: the new set grows as far as maxSurge lets it, the old ones shrink as far as maxUnavailable does.</summary>
internal static class RollingUpdate
{
    /// <summary>Replicas of the new set now.</summary>
    public static int NewSetReplicas(int wanted, Fenceposts fence, int newReplicas, int allReplicas)
    {
        // 4 wanted, surge 1, 4 old and 0 new: 5 may be, so the new set gets 1.
        var room = wanted + fence.MaxSurge - allReplicas;
        return room <= 0 ? newReplicas : newReplicas + Math.Min(room, Math.Max(0, wanted - newReplicas));
    }

    /// <summary>What the old sets give up now: first replicas that are not available anyway, then available ones as far as enough remain. These are two steps,
    /// also of one set, and each has its event.</summary>
    public static List<Scale> OldSets(int wanted, Fenceposts fence, ReplicaSetView newSet, IReadOnlyList<ReplicaSetView> oldSets)
    {
        var minAvailable = wanted - fence.MaxUnavailable;
        var all = newSet.Replicas + oldSets.Sum(s => s.Replicas);
        // 4 replicas, maxUnavailable 1, maxSurge 1: 5 pods, 3 must stay, the new one is not available yet → 5 - 3 - 1 = 1 old pod may go.
        var unavailableNew = newSet.Replicas - newSet.SureReplicas;
        var mayGo = all - minAvailable - unavailableNew;
        if (mayGo <= 0) return [];

        var replicas = oldSets.ToDictionary(s => s.Name, s => s.Replicas);
        var ordered = oldSets.Where(s => s.Replicas > 0).OrderBy(s => s.CreatedAt).ThenBy(s => s.Name, StringComparer.Ordinal).ToList();
        var steps = new List<Scale>();
        foreach (var set in ordered) mayGo -= Shrink(set, Math.Min(mayGo, set.Replicas - set.LastingReplicas));
        var surplus = newSet.SureReplicas + oldSets.Sum(s => s.SureReplicas) - minAvailable;
        foreach (var set in ordered) surplus -= Shrink(set, Math.Min(surplus, replicas[set.Name]));
        return steps;

        int Shrink(ReplicaSetView set, int by)
        {
            if (by <= 0) return 0;
            replicas[set.Name] -= by;
            steps.Add(new Scale(set, replicas[set.Name]));
            return by;
        }
    }
}

/// <summary>A Deployment that was scaled in the middle of a rollout: its sets grow or shrink in proportion, so that the risk stays where it was.</summary>
internal static class ProportionalScaling
{
    /// <param name="isRolling">With Recreate sets that run side by side are left as they are.</param>
    /// <param name="running">Pods of the Deployment by its status: what a set without its annotation is measured by.</param>
    public static List<Scale> Decide(int wanted, Fenceposts fence, ReplicaSetView? newSet, IReadOnlyList<ReplicaSetView> sets, bool isRolling = true, int running = 0)
    {
        var active = sets.Where(s => s.Replicas > 0).ToList();
        if (active.Count <= 1)
        {
            var only = active.Count == 1 ? active[0] : newSet ?? sets.OrderByDescending(s => s.CreatedAt).ThenByDescending(s => s.Name, StringComparer.Ordinal).FirstOrDefault();
            return only is null || only.Replicas == wanted ? [] : [new Scale(only, wanted)];
        }
        if (newSet is not null && newSet.Replicas == wanted && newSet.AnnotatedCount(DeploymentAnnotations.DesiredReplicas) == wanted && newSet.AvailableReplicas == wanted)
            return [.. active.Where(s => s.Name != newSet.Name).Select(s => new Scale(s, 0))];

        if (!isRolling) return [];
        var total = active.Sum(s => s.Replicas);
        var allowed = wanted > 0 ? wanted + fence.MaxSurge : 0;
        var toAdd = allowed - total;
        // Growing favours the newest, shrinking the oldest among sets of one size.
        var ordered = toAdd > 0
            ? active.OrderByDescending(s => s.Replicas).ThenByDescending(s => s.CreatedAt).ThenByDescending(s => s.Name, StringComparer.Ordinal).ToList()
            : [.. active.OrderByDescending(s => s.Replicas).ThenBy(s => s.CreatedAt).ThenBy(s => s.Name, StringComparer.Ordinal)];
        var added = 0;
        var result = new Dictionary<string, int>();
        foreach (var set in ordered)
        {
            var share = 0;
            if (toAdd != 0 && toAdd != added)
            {
                var annotated = set.AnnotatedCount(DeploymentAnnotations.MaxReplicas) is { } known and > 0 ? known : running;
                var fraction = wanted == 0 ? -set.Replicas : annotated == 0 ? 0 : (int)Math.Round((double)set.Replicas * allowed / annotated, MidpointRounding.AwayFromZero) - set.Replicas;
                share = toAdd > 0 ? Math.Min(fraction, toAdd - added) : Math.Max(fraction, toAdd - added);
                added += share;
            }
            result[set.Name] = set.Replicas + share;
        }
        if (toAdd != 0 && ordered.Count > 0) result[ordered[0].Name] = Math.Max(0, result[ordered[0].Name] + toAdd - added);
        return [.. ordered.Select(s => new Scale(s, Math.Max(0, result[s.Name]), IsForced: true))];
    }
}
