using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Patching;

/// <summary>An operation of a JSON patch does not apply. Whoever sends a patch is told no more than that; a policy's author is told the message.</summary>
internal sealed class PatchDoesNotApplyException(string message, bool isTest = false) : Exception(message)
{
    /// <summary>A "test" found something else.</summary>
    public bool IsTest => isTest;
}

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
            string path;
            switch (Text(operation, "op"))
            {
                case "add":
                    Add(root, Text(operation, "path"), operation["value"]?.DeepClone(), opened, AddMissing);
                    break;
                case "remove":
                    path = Text(operation, "path");
                    Within("remove", path, () => Remove(Find(root, path, opened, () => $"remove operation does not apply: doc is missing path: \"{path}\": {Missing}")));
                    break;
                case "replace":
                    path = Text(operation, "path");
                    if (path == "") root = Root(operation["value"], opened);
                    else Replace(Find(root, path, opened, () => $"replace operation does not apply: doc is missing path: {path}: {Missing}"), operation["value"]?.DeepClone(), path);
                    break;
                case "move":
                    path = Text(operation, "from");
                    var from = Find(root, path, opened, () => $"move operation does not apply: doc is missing from path: {path}: {Missing}");
                    JsonNode? moved = null;
                    Within("move", from.Key, () =>
                    {
                        moved = Get(from);
                        Remove(from);
                    });
                    Add(root, Text(operation, "path"), moved, opened, to => $"move operation does not apply: doc is missing destination path: {to}: {Missing}");
                    break;
                case "copy":
                    path = Text(operation, "from");
                    var copied = Get(Find(root, path, opened, () => $"copy operation does not apply: doc is missing from path: {path}: {Missing}"));
                    Add(root, Text(operation, "path"), copied?.DeepClone(), opened, to => $"copy operation does not apply: doc is missing destination path: {to}: {Missing}");
                    break;
                case "test":
                    path = Text(operation, "path");
                    var actual = path == "" ? root : Get(Find(root, path, opened, () => $"test operation does not apply: is missing path: {path}: {Missing}"));
                    if (!opened.AreEqual(actual, operation["value"])) throw new PatchDoesNotApplyException($"testing value {path} failed: test failed", isTest: true);
                    break;
                case var other:
                    throw new PatchDoesNotApplyException($"Unexpected kind: {other}");
            }
        }
        return root;
    }

    private const string Missing = "missing value";

    private static string AddMissing(string path) => $"add operation does not apply: doc is missing path: \"{path}\": {Missing}";

    /// <summary>What goes wrong inside says which operation it was part of.</summary>
    private static void Within(string operation, string path, Action act)
    {
        try
        {
            act();
        }
        catch (PatchDoesNotApplyException e) when (!e.Message.Contains("does not apply", StringComparison.Ordinal))
        {
            throw new PatchDoesNotApplyException($"error in {operation} for path: '{path}': {e.Message}");
        }
    }

    private static string Text(JsonObject operation, string field) =>
        operation[field] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : throw new PatchDoesNotApplyException($"operation missing {field} field: {Missing}");

    private static JsonNode Root(JsonNode? value, OpenedObjects opened)
    {
        if (value is not (JsonObject or JsonArray)) throw new PatchDoesNotApplyException("replace operation value must be object or array");
        var root = value.DeepClone();
        opened.Open(root);
        return root;
    }

    /// <param name="missing">What is said when there is no such place.</param>
    private static (JsonNode Container, string Key) Find(JsonNode? root, string path, OpenedObjects opened, Func<string> missing)
    {
        var parts = path.Split('/');
        if (parts.Length < 2) throw new PatchDoesNotApplyException(missing());
        var node = root;
        for (var i = 1; i < parts.Length - 1; i++)
        {
            try
            {
                node = Get((node!, Decode(parts[i])));
            }
            catch (PatchDoesNotApplyException)
            {
                node = null;
            }
            if (node is not (JsonObject or JsonArray)) throw new PatchDoesNotApplyException(missing());
            opened.Open(node);
        }
        return (node!, Decode(parts[^1]));
    }

    private static string Decode(string part) => part.Contains('~') ? part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal) : part;

    private static JsonNode? Get((JsonNode Container, string Key) at) =>
        at.Container is JsonArray list ? list[Index(at.Key, list.Count, list.Count)] : at.Container.AsObject()[at.Key];

    private static void Add(JsonNode? root, string path, JsonNode? value, OpenedObjects opened, Func<string, string> missing)
    {
        var (container, key) = Find(root, path, opened, () => missing(path));
        if (container is not JsonArray list)
            container.AsObject()[key] = value;
        else if (key == "-")
            list.Add(value);
        else
            Within("add", path, () => list.Insert(Index(key, list.Count + 1, list.Count + 1), value));
    }

    private static void Replace((JsonNode Container, string Key) at, JsonNode? value, string path)
    {
        if (at.Container is JsonArray list)
            try
            {
                list[Index(at.Key, list.Count, list.Count)] = value;
            }
            catch (PatchDoesNotApplyException)
            {
                throw new PatchDoesNotApplyException($"replace operation does not apply: doc is missing key: {path}: {Missing}");
            }
        else at.Container.AsObject()[at.Key] = value;
    }

    private static void Remove((JsonNode Container, string Key) at)
    {
        if (at.Container is JsonArray list) list.RemoveAt(Index(at.Key, list.Count, list.Count));
        else if (!at.Container.AsObject().Remove(at.Key)) throw new PatchDoesNotApplyException($"Unable to remove nonexistent key: {at.Key}: {Missing}");
    }

    // -1 is the last place; what lies outside is an error.
    private static int Index(string key, int count, int negativeFrom)
    {
        if (!int.TryParse(key, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var index)) throw new PatchDoesNotApplyException($"strconv.Atoi: parsing \"{key}\": invalid syntax");
        if (index >= count || index < -negativeFrom) throw new PatchDoesNotApplyException($"Unable to access invalid index: {index}: invalid index referenced");
        return index < 0 ? index + negativeFrom : index;
    }
}
