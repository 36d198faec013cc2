using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>While a Pod has scheduling gates its choice of nodes may be narrowed, never widened (KEP-3838).</summary>
internal static class PodGatedUpdate
{
    private const string Required = "requiredDuringSchedulingIgnoredDuringExecution";

    /// <summary>Checks the change and takes it out of <paramref name="munged"/>.</summary>
    public static void Allow(JsonObject munged, JsonObject before, FieldErrors errors)
    {
        if (munged.Differs(before, "nodeSelector"))
        {
            foreach (var (key, value) in before.TextMap("nodeSelector"))
            {
                if (munged.Object("nodeSelector").TextOrNull(key) == value) continue;
                errors.Invalid(FieldPath.Spec.Child("nodeSelector"), munged["nodeSelector"]?.DeepClone(), "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
                break;
            }

            munged.KeepFrom(before, "nodeSelector");
        }

        var (now, then) = (munged.Object("affinity").Object("nodeAffinity"), before.Object("affinity").Object("nodeAffinity"));
        if (TreeEquality.Same(now, then)) return;
        CheckAffinity(now, then, errors);
        if (then is not null)
        {
            munged.Child("affinity")["nodeAffinity"] = then.DeepClone();
            return;
        }

        munged.Object("affinity")?.Remove("nodeAffinity");
        if (munged.Object("affinity") is { Count: 0 } && !before.Has("affinity")) munged.Remove("affinity");
    }

    private static void CheckAffinity(JsonObject? now, JsonObject? then, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("affinity", "nodeAffinity").Child(Required, "nodeSelectorTerms");
        if (then.Object(Required) is not { } required) return;
        var (terms, old) = (now.Object(Required).Array("nodeSelectorTerms"), required.Array("nodeSelectorTerms"));
        if (old is not { Count: > 0 }) return;
        if ((terms?.Count ?? 0) != old.Count)
        {
            errors.Invalid(path, terms is null ? null : GoShapes.ShowAll("NodeSelectorTerm", terms), "no additions/deletions to non-empty NodeSelectorTerms list are allowed");
            return;
        }

        for (var i = 0; i < old.Count; i++)
        {
            if (HasOnlyAdditions(terms![i] as JsonObject, old[i] as JsonObject)) continue;
            errors.Invalid(path.Index(i), GoShapes.Show("NodeSelectorTerm", terms[i] as JsonObject), "only additions are allowed (no mutations or deletions)");
        }
    }

    private static bool HasOnlyAdditions(JsonObject? term, JsonObject? old)
    {
        // An empty term selects nothing: an addition would make it select something.
        if (old.Count("matchExpressions") == 0 && old.Count("matchFields") == 0 && (term.Count("matchExpressions") > 0 || term.Count("matchFields") > 0)) return false;
        foreach (var list in (ReadOnlySpan<string>)["matchExpressions", "matchFields"])
        {
            var (items, before) = (term.Array(list), old.Array(list));
            for (var i = 0; i < (before?.Count ?? 0); i++)
                if (items is null || i >= items.Count || !TreeEquality.Same(items[i], before![i])) return false;
        }

        return true;
    }
}
