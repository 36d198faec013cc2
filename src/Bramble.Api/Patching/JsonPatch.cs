using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Patching;

/// <summary>An operation of a JSON patch does not apply; upstream tells the client no more than that.</summary>
internal sealed class PatchDoesNotApplyException : Exception;

/// <summary>JSON patch (RFC 6902) with the habits of evanphx/json-patch v4: indices may be negative, replacing a member that is not there adds it.</summary>
internal static class JsonPatch
{
    /// <summary>Operations in one patch.</summary>
    public const int OperationsMax = 10_000;

    /// <param name="document">Changed in place; a replaced root is returned.</param>
    /// <exception cref="PatchDoesNotApplyException">An operation fails; the document is then half changed.</exception>
    public static JsonNode? Apply(JsonNode document, JsonArray operations, OpenedObjects opened)
    {
        JsonNode? root = document;
        opened.Open(root);
        foreach (var item in operations)
        {
            var operation = item as JsonObject ?? [];
            switch (Text(operation, "op"))
            {
                case "add":
                    Add(root, Text(operation, "path"), operation["value"]?.DeepClone(), opened);
                    break;
                case "remove":
                    Remove(Find(root, Text(operation, "path"), opened));
                    break;
                case "replace":
                    if (Text(operation, "path") == "") root = Root(operation["value"], opened);
                    else Replace(Find(root, Text(operation, "path"), opened), operation["value"]?.DeepClone());
                    break;
                case "move":
                    var from = Find(root, Text(operation, "from"), opened);
                    var moved = Get(from);
                    Remove(from);
                    Add(root, Text(operation, "path"), moved, opened);
                    break;
                case "copy":
                    Add(root, Text(operation, "path"), Get(Find(root, Text(operation, "from"), opened))?.DeepClone(), opened);
                    break;
                case "test":
                    var actual = Text(operation, "path") == "" ? root : Get(Find(root, Text(operation, "path"), opened));
                    if (!opened.AreEqual(actual, operation["value"])) throw new PatchDoesNotApplyException();
                    break;
                default:
                    throw new PatchDoesNotApplyException();
            }
        }
        return root;
    }

    private static string Text(JsonObject operation, string field) =>
        operation[field] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : throw new PatchDoesNotApplyException();

    private static JsonNode Root(JsonNode? value, OpenedObjects opened)
    {
        if (value is not (JsonObject or JsonArray)) throw new PatchDoesNotApplyException();
        var root = value.DeepClone();
        opened.Open(root);
        return root;
    }

    private static (JsonNode Container, string Key) Find(JsonNode? root, string path, OpenedObjects opened)
    {
        var parts = path.Split('/');
        if (parts.Length < 2) throw new PatchDoesNotApplyException();
        var node = root;
        for (var i = 1; i < parts.Length - 1; i++)
        {
            node = Get((node!, Decode(parts[i])));
            if (node is not (JsonObject or JsonArray)) throw new PatchDoesNotApplyException();
            opened.Open(node);
        }
        return (node!, Decode(parts[^1]));
    }

    private static string Decode(string part) => part.Contains('~') ? part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal) : part;

    private static JsonNode? Get((JsonNode Container, string Key) at) =>
        at.Container is JsonArray list ? list[Index(at.Key, list.Count, list.Count)] : at.Container.AsObject()[at.Key];

    private static void Add(JsonNode? root, string path, JsonNode? value, OpenedObjects opened)
    {
        var (container, key) = Find(root, path, opened);
        if (container is not JsonArray list)
            container.AsObject()[key] = value;
        else if (key == "-")
            list.Add(value);
        else
            list.Insert(Index(key, list.Count + 1, list.Count + 1), value);
    }

    private static void Replace((JsonNode Container, string Key) at, JsonNode? value)
    {
        if (at.Container is JsonArray list) list[Index(at.Key, list.Count, list.Count)] = value;
        else at.Container.AsObject()[at.Key] = value;
    }

    private static void Remove((JsonNode Container, string Key) at)
    {
        if (at.Container is JsonArray list) list.RemoveAt(Index(at.Key, list.Count, list.Count));
        else if (!at.Container.AsObject().Remove(at.Key)) throw new PatchDoesNotApplyException();
    }

    // -1 is the last place; what lies outside is an error.
    private static int Index(string key, int count, int negativeFrom)
    {
        if (!int.TryParse(key, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var index) || index >= count || index < -negativeFrom)
            throw new PatchDoesNotApplyException();
        return index < 0 ? index + negativeFrom : index;
    }
}
