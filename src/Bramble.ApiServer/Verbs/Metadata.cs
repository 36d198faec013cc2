using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>Access to an object's metadata in its tree. Absent and empty are the same where upstream's ObjectMeta has no pointer.</summary>
internal static class Metadata
{
    /// <summary>The metadata, made when absent.</summary>
    public static JsonObject Meta(this JsonObject obj)
    {
        if (obj["metadata"] is JsonObject meta) return meta;
        meta = [];
        obj["metadata"] = meta;
        return meta;
    }

    public static string NameOf(this JsonObject obj) => obj.Meta().Text("name");

    public static NamespacedName IdOf(this JsonObject obj) => new(obj.Meta().Text("namespace"), obj.Meta().Text("name"));

    public static void SetOrRemove(this JsonObject obj, string field, string value)
    {
        if (value.Length > 0) obj[field] = value;
        else obj.Remove(field);
    }

    public static List<string> TextList(this JsonObject obj, string field) =>
        obj[field] is JsonArray items ? [.. items.Select(i => i is JsonValue v && v.TryGetValue<string>(out var text) ? text : "")] : [];

    public static JsonArray ToArray(IEnumerable<string> texts)
    {
        var array = new JsonArray();
        foreach (var text in texts) array.Add((JsonNode)JsonValue.Create(text));
        return array;
    }

    /// <summary>A time as upstream writes it: seconds, UTC.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    public static DateTimeOffset? TimeAt(this JsonObject obj, string field) =>
        obj.Text(field) is { Length: > 0 } text && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    public static bool IsBeingDeleted(this JsonObject obj) => obj.Meta().Text("deletionTimestamp").Length > 0;
}
