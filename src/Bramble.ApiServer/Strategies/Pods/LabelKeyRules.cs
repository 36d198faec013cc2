using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>matchLabelKeys and mismatchLabelKeys beside a labelSelector.</summary>
internal static class LabelKeyRules
{
    public static void Validate(JsonObject term, FieldPath path, FieldErrors errors)
    {
        var selector = term.Object("labelSelector");
        var match = term.Texts("matchLabelKeys").ToList();
        var mismatch = term.Texts("mismatchLabelKeys").ToList();
        if (match.Count == 0 && mismatch.Count == 0) return;
        Keys(match, selector, path.Child("matchLabelKeys"), errors);
        Keys(mismatch, selector, path.Child("mismatchLabelKeys"), errors);
        if (selector is not null)
        {
            var seen = new HashSet<string>(selector.TextMap("matchLabels").Select(label => label.Key), StringComparer.Ordinal);
            foreach (var (_, expression) in selector.Items("matchExpressions"))
            {
                var key = expression.Text("key");
                // Merged into the selector once when the pod was made; twice, or beside a label, means the client did it too.
                if (match.LastIndexOf(key) is >= 0 and var index && seen.Contains(key)) errors.Invalid(path.Index(index), key, "exists in both matchLabelKeys and labelSelector");
                seen.Add(key);
            }
        }

        for (var i = 0; i < match.Count; i++)
            if (mismatch.Contains(match[i])) errors.Invalid(path.Child("matchLabelKeys").Index(i), match[i], "exists in both matchLabelKeys and mismatchLabelKeys");
    }

    private static void Keys(List<string> keys, JsonObject? selector, FieldPath path, FieldErrors errors)
    {
        if (keys.Count == 0) return;
        if (selector is null)
        {
            errors.Forbidden(path, "must not be specified when labelSelector is not set");
            return;
        }

        for (var i = 0; i < keys.Count; i++) errors.InvalidEach(path.Index(i), keys[i], Formats.LabelKey(keys[i]));
    }
}
