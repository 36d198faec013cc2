using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>An Event's row. Old and new events keep their times in different fields.</summary>
internal static class EventRow
{
    public static JsonArray Cells(JsonObject e, DateTimeOffset now)
    {
        var first = e.Time("firstTimestamp") is not null ? e.Since(now, "firstTimestamp") : e.Since(now, "eventTime");
        var last = e.Time("lastTimestamp") is not null ? e.Since(now, "lastTimestamp") : first;
        // An event that happened once has no count in the new API.
        var count = e.Number("count") is var counted and not 0 ? counted : 1;
        if (e.At("series") is { } series)
        {
            last = series.Since(now, "lastObservedTime");
            count = series.Number("count");
        }
        var kind = e.Text("involvedObject", "kind").ToLowerInvariant();
        var name = e.Text("involvedObject", "name");
        var component = First(e.Text("source", "component"), e.Text("reportingComponent"));
        var instance = First(e.Text("source", "host"), e.Text("reportingInstance"));
        return new JsonArray(
            last,
            e.Text("type"),
            e.Text("reason"),
            name.Length > 0 ? $"{kind}/{name}" : kind,
            e.Text("involvedObject", "fieldPath"),
            instance.Length == 0 ? component : $"{component}, {instance}",
            e.Text("message").Trim(),
            first,
            count,
            e.Name());
    }

    private static string First(string a, string b) => a.Length > 0 ? a : b;
}
