using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>What a failed Pod means by the Job's policy.</summary>
/// <param name="FailJobMessage">Not null: the whole Job fails, and this is why.</param>
/// <param name="IsCounted">Counts towards the back-off limit.</param>
/// <param name="FailsIndex">Its index fails at once, whatever its own limit.</param>
internal readonly record struct PodFailureVerdict(string? FailJobMessage, bool IsCounted, bool FailsIndex);

/// <summary>spec.podFailurePolicy: the first rule that matches decides. KEP-3329, KEP-3850.</summary>
internal static class PodFailurePolicy
{
    private static readonly PodFailureVerdict Counted = new(null, true, false);

    public static PodFailureVerdict Decide(V1PodFailurePolicy? policy, V1Pod pod)
    {
        var rules = policy?.Rules ?? [];
        for (var i = 0; i < rules.Count; i++)
        {
            var rule = rules[i];
            string why;
            if (rule.OnExitCodes is { } codes)
            {
                if ((Matching(pod.Status?.ContainerStatuses, codes) ?? Matching(pod.Status?.InitContainerStatuses, codes)) is not { } container) continue;
                why = $"Container {container.Name} for pod {pod.Metadata.NamespaceProperty}/{pod.Metadata.Name} failed with exit code {container.State.Terminated.ExitCode} matching {rule.Action} rule at index {i}";
            }
            else
            {
                if ((pod.Status?.Conditions ?? []).FirstOrDefault(c => rule.OnPodConditions?.Any(p => p.Type == c.Type && p.Status == c.Status) == true) is not { } condition) continue;
                why = $"Pod {pod.Metadata.NamespaceProperty}/{pod.Metadata.Name} has condition {condition.Type} matching {rule.Action} rule at index {i}";
            }
            switch (rule.Action)
            {
                case "Ignore": return new PodFailureVerdict(null, false, false);
                case "FailIndex": return new PodFailureVerdict(null, true, true);
                case "FailJob": return new PodFailureVerdict(why, true, false);
                case "Count": return Counted;
            }
        }
        return Counted;
    }

    private static V1ContainerStatus? Matching(IEnumerable<V1ContainerStatus>? containers, V1PodFailurePolicyOnExitCodesRequirement codes) =>
        (containers ?? []).FirstOrDefault(c => c.State?.Terminated is { ExitCode: not 0 } ended && (codes.ContainerName is null || codes.ContainerName == c.Name)
            && codes.OperatorProperty switch { "In" => codes.Values.Contains(ended.ExitCode), "NotIn" => !codes.Values.Contains(ended.ExitCode), _ => false });
}

/// <summary>spec.successPolicy: when an Indexed Job is a success before all its indexes are. KEP-3998.</summary>
internal static class SuccessPolicy
{
    /// <returns>The condition's message; null: not yet.</returns>
    public static string? Decide(V1SuccessPolicy? policy, int completions, IndexSet succeeded)
    {
        var rules = policy?.Rules ?? [];
        if (succeeded.Count == 0) return null;
        for (var i = 0; i < rules.Count; i++)
        {
            var rule = rules[i];
            bool isMet;
            if (rule.SucceededIndexes is { } text)
            {
                var required = IndexSet.Parse(text, completions);
                if (required.Count == 0) continue;
                var met = required.CountOfBoth(succeeded);
                // A count may be of more indexes than a Job has that was made smaller: all of them are enough.
                isMet = met == required.Count || met >= rule.SucceededCount;
            }
            else
            {
                isMet = rule.SucceededCount is { } count && succeeded.Count >= count;
            }
            if (isMet) return $"Matched rules at index {i}";
        }
        return null;
    }
}
