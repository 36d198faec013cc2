using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.Api.Decoding;

/// <summary>Embedded objects of unknown kind (Go's RawExtension: ControllerRevision.data, device parameters). Upstream keeps their bytes as they were sent,
/// shows them without white space and compares the bytes: what was sent with white space differs from what a patch leaves. So the text as sent stays beside
/// the object, as a member no client sees.</summary>
public static class EmbeddedJson
{
    // No client sends a name with a control character; if one does, nobody sees it again.
    private const string AsSent = "\u0001as-sent";

    private static ReadOnlySpan<byte> Mark => "\"\\u0001as-sent\""u8;

    /// <summary>Notes the text of an object that was not sent in compact form.</summary>
    internal static void Keep(JsonObject map, ReadOnlySpan<byte> text)
    {
        if (HasWhiteSpace(text)) map[AsSent] = Encoding.UTF8.GetString(text);
    }

    /// <summary>The JSON may hold such a note.</summary>
    public static bool IsIn(ReadOnlySpan<byte> json) => json.IndexOf(Mark) >= 0;

    internal static bool IsNotedIn(JsonObject map) => map.ContainsKey(AsSent);

    /// <summary>Removes the notes, in place.</summary>
    public static JsonObject Strip(JsonObject tree)
    {
        Visit(tree);
        return tree;

        static void Visit(JsonNode? node)
        {
            if (node is JsonArray list)
                foreach (var item in list) Visit(item);
            if (node is not JsonObject map) return;
            map.Remove(AsSent);
            foreach (var (_, value) in map) Visit(value);
        }
    }

    /// <summary>The kinds that embed objects of unknown kind. By name, so that reading needs no schema; a test holds it against the schema.</summary>
    public static bool MayBeIn(GroupVersionKind kind) =>
        kind is ("apps", _, "ControllerRevision") or ("resource.k8s.io", _, "DeviceClass" or "ResourceClaim" or "ResourceClaimTemplate" or "ResourceSlice");

    /// <summary>The tree without notes: itself where its kind embeds nothing.</summary>
    public static JsonObject Without(JsonObject tree, GroupVersionKind kind) => MayBeIn(kind) ? Strip((JsonObject)tree.DeepClone()) : tree;

    private static bool HasWhiteSpace(ReadOnlySpan<byte> text)
    {
        var isInString = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (isInString && c == '\\') i++;
            else if (c == '"') isInString = !isInString;
            else if (!isInString && c is ((byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')) return true;
        }
        return false;
    }
}
