using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Selectors;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>Whether a field selector selects an object. Hot: each event of a kind for each of its watchers (a kubelet's: the pods of its node).</summary>
internal static class FieldMatch
{
    private static readonly ConditionalWeakTable<FieldSelector, byte[]?[]> Texts = [];

    public static bool Of(FieldSelector selector, ServedResource resource, KubeObject obj)
    {
        JsonObject? tree = null;
        var texts = Texts.GetValue(selector, static s => [.. s.Terms.Select(TextOf)]);
        for (var i = 0; i < selector.Terms.Count; i++)
        {
            var term = selector.Terms[i];
            // A text that must be there and is not: no tree is needed to know.
            if (texts[i] is { } text && !resource.IsConverted && resource.Strategy.IsTextField(term.Field) && obj.Json.Span.IndexOf(text) < 0) return false;
            var value = term.Field switch
            {
                "metadata.name" => obj.Name.Name,
                "metadata.namespace" => obj.Name.Namespace,
                _ => resource.Strategy.FieldValue(tree ??= resource.ToWorking(obj), term.Field) ?? "",
            };
            if (value == term.Value != term.IsEqual) return false;
        }
        return true;
    }

    /// <summary>What the JSON of an object must contain when a term holds: <c>"nodeName":"a"</c>; null: nothing that is plain to see.</summary>
    private static byte[]? TextOf(FieldTerm term)
    {
        if (!term.IsEqual || term.Value.Length == 0) return null;
        foreach (var c in term.Value)
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_' or '/' or ':')) return null; // JSON may write it otherwise
        return Encoding.UTF8.GetBytes($"\"{term.Field[(term.Field.LastIndexOf('.') + 1)..]}\":\"{term.Value}\"");
    }
}
