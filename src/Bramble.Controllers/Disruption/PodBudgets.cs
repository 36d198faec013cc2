using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using k8s.Models;

namespace Bramble.Controllers.Disruption;

/// <summary>The budgets that a change of a Pod concerns. Pure.</summary>
/// <param name="Concerned">Whose numbers may be others now: also those that the Pod was one of before.</param>
/// <param name="OfPod">Those that it is one of.</param>
internal sealed record PodBudgets(List<string> Concerned, List<string> OfPod)
{
    /// <param name="budgets">Of the Pod's namespace.</param>
    /// <param name="old">Null: it is new.</param>
    /// <param name="now">Null: it is gone.</param>
    public static PodBudgets Of(IEnumerable<JsonObject> budgets, V1Pod? old, V1Pod? now)
    {
        var found = new PodBudgets([], []);
        foreach (var budget in budgets)
        {
            LabelSelector selector;
            try
            {
                selector = SelectorOf(budget);
            }
            catch (FormatException)
            {
                // It has no Pods, and its own status says why.
                continue;
            }
            var name = (string)budget["metadata"]!["name"]!;
            var isOfPod = now is not null && selector.Matches(now.Metadata.Labels);
            if (isOfPod) found.OfPod.Add(name);
            if (isOfPod || (old is not null && selector.Matches(old.Metadata.Labels))) found.Concerned.Add(name);
        }
        return found;
    }

    /// <summary>Eviction refuses a Pod of several budgets; here is said why. Null: it may be evicted.</summary>
    public string? WhyNotEvicted(NamespacedName pod) =>
        OfPod.Count > 1 ? $"Pod \"{pod.Namespace}\"/\"{pod.Name}\" matches multiple PodDisruptionBudgets.  Chose \"{OfPod[0]}\" arbitrarily." : null;

    /// <summary>No selector: no Pods; an empty one: all.</summary>
    /// <exception cref="FormatException">It is none. Validation lets none such through; an older server did.</exception>
    public static LabelSelector SelectorOf(JsonObject budget) => LabelSelector.FromObject(budget["spec"]?["selector"] as JsonObject);
}
