using System.Text.Json.Nodes;

namespace Bramble.Api.Catalog;

/// <summary>Event of core v1 and of events.k8s.io/v1: the same fields under two sets of names. The result has the order in which upstream writes it.</summary>
internal static class EventConversion
{
    private static readonly (string Core, string Events)[] Names =
    [
        ("involvedObject", "regarding"),
        ("message", "note"),
        ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"),
        ("reportingComponent", "reportingController"),
    ];

    private static readonly string[] CoreOrder =
    [
        "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type", "eventTime", "series", "action", "related",
        "reportingComponent", "reportingInstance",
    ];

    private static readonly string[] EventsOrder =
    [
        "eventTime", "series", "reportingController", "reportingInstance", "action", "reason", "regarding", "related", "note", "type",
        "deprecatedSource", "deprecatedFirstTimestamp", "deprecatedLastTimestamp", "deprecatedCount",
    ];

    public static void ToEventsV1(JsonObject obj)
    {
        foreach (var (core, events) in Names) Rename(obj, core, events);
        // Core writes the two reporting fields always; events.k8s.io leaves empty ones out. regarding and deprecatedSource are structures: always written.
        DropEmpty(obj, "reportingController");
        DropEmpty(obj, "reportingInstance");
        obj.TryAdd("eventTime", null);
        obj.TryAdd("regarding", new JsonObject());
        obj.TryAdd("deprecatedSource", new JsonObject());
        obj.TryAdd("deprecatedFirstTimestamp", null);
        obj.TryAdd("deprecatedLastTimestamp", null);
        Order(obj, EventsOrder);
    }

    public static void ToCoreV1(JsonObject obj)
    {
        foreach (var (core, events) in Names) Rename(obj, events, core);
        obj.TryAdd("involvedObject", new JsonObject());
        obj.TryAdd("source", new JsonObject());
        obj.TryAdd("firstTimestamp", null);
        obj.TryAdd("lastTimestamp", null);
        obj.TryAdd("eventTime", null);
        obj.TryAdd("reportingComponent", "");
        obj.TryAdd("reportingInstance", "");
        Order(obj, CoreOrder);
    }

    private static void Rename(JsonObject obj, string from, string to)
    {
        if (!obj.Remove(from, out var value)) return;
        obj[to] = value;
    }

    private static void DropEmpty(JsonObject obj, string name)
    {
        if (obj[name] is JsonValue value && value.TryGetValue<string>(out var text) && text.Length == 0) obj.Remove(name);
    }

    private static void Order(JsonObject obj, string[] order)
    {
        foreach (var name in order)
            if (obj.Remove(name, out var value)) obj[name] = value;
    }
}
