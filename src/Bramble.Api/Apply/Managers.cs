using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.Api.Apply;

/// <summary>Who owns fields: the part of a managedFields entry that identifies it. An applier is the same in every version of the API.</summary>
internal readonly record struct ManagerId(string Manager, bool IsApply, string ApiVersion, string Subresource) : IComparable<ManagerId>
{
    public static ManagerId Applier(string manager, string subresource) => new(manager, true, "", subresource);

    /// <summary>As conflicts name it: <c>"kubectl" with subresource "status" using v1</c>.</summary>
    public string Show()
    {
        var text = FieldError.Quote(Manager);
        if (Subresource.Length > 0) text += $" with subresource {FieldError.Quote(Subresource)}";
        return IsApply ? text : $"{text} using {ApiVersion}";
    }

    public int CompareTo(ManagerId other) => string.CompareOrdinal(Key(), other.Key());

    private string Key() =>
        $"{{\"manager\":\"{JsonEncodedText.Encode(Manager)}\",\"operation\":\"{(IsApply ? "Apply" : $"Update\",\"apiVersion\":\"{ApiVersion}")}\",\"subresource\":\"{Subresource}";
}

/// <summary>What a manager owns, in the version of the API in which it wrote.</summary>
internal sealed record Owned(FieldSet Fields, string ApiVersion, bool IsApply);

/// <summary>managedFields taken apart: a set of fields and a time for each manager.</summary>
internal sealed class Managers
{
    public Dictionary<ManagerId, Owned> Owners { get; } = [];

    /// <summary>RFC 3339; a manager without a time has none.</summary>
    public Dictionary<ManagerId, string> Times { get; } = [];

    /// <summary>Reads managedFields; null when an entry is not understood.</summary>
    public static Managers? Parse(JsonNode? managedFields)
    {
        var managers = new Managers();
        if (managedFields is not JsonArray entries) return managers;
        foreach (var entry in entries)
        {
            if (entry is not JsonObject map) return null;
            var operation = Text(map, "operation");
            var apiVersion = Text(map, "apiVersion");
            if (operation is not ("Apply" or "Update") || apiVersion.Length == 0 || Text(map, "fieldsType") != "FieldsV1") return null;
            if (FieldSet.Parse(map["fieldsV1"]) is not { } fields) return null;
            var isApply = operation == "Apply";
            var id = new ManagerId(Text(map, "manager"), isApply, isApply ? "" : apiVersion, Text(map, "subresource"));
            managers.Owners[id] = new Owned(fields, apiVersion, isApply);
            if (Text(map, "time") is { Length: > 0 } time) managers.Times[id] = time;
        }
        return managers;
    }

    public JsonArray ToTree()
    {
        var entries = Owners.Select(o => (Id: o.Key, Owned: o.Value, Time: Times.GetValueOrDefault(o.Key))).ToList();
        entries.Sort((a, b) =>
        {
            if (a.Owned.IsApply != b.Owned.IsApply) return a.Owned.IsApply ? -1 : 1;
            var byTime = string.CompareOrdinal(a.Time ?? "", b.Time ?? "");
            if (byTime != 0) return byTime;
            var byManager = string.CompareOrdinal(a.Id.Manager, b.Id.Manager);
            if (byManager != 0) return byManager;
            var byVersion = string.CompareOrdinal(a.Owned.ApiVersion, b.Owned.ApiVersion);
            return byVersion != 0 ? byVersion : string.CompareOrdinal(a.Id.Subresource, b.Id.Subresource);
        });
        var list = new JsonArray();
        foreach (var (id, owned, time) in entries)
        {
            var entry = new JsonObject();
            if (id.Manager.Length > 0) entry["manager"] = id.Manager;
            entry["operation"] = owned.IsApply ? "Apply" : "Update";
            entry["apiVersion"] = owned.ApiVersion;
            if (time is not null) entry["time"] = time;
            entry["fieldsType"] = "FieldsV1";
            entry["fieldsV1"] = owned.Fields.ToTree();
            if (id.Subresource.Length > 0) entry["subresource"] = id.Subresource;
            list.Add((JsonNode)entry);
        }
        return list;
    }

    public static string Stamp(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>At most this many updaters are kept apart; older ones share an entry.</summary>
    private const int UpdatersMax = 10;

    /// <summary>Merges the oldest updaters into <c>ancient-changes</c>, one entry a version, until few enough are left.</summary>
    public void CapUpdaters()
    {
        var updaters = Owners.Where(o => !o.Value.IsApply).Select(o => o.Key).OrderBy(id => Times.GetValueOrDefault(id) ?? "", StringComparer.Ordinal).ThenBy(id => id).ToList();
        var left = updaters.Count;
        var firstOfVersion = new Dictionary<string, ManagerId>(StringComparer.Ordinal);
        foreach (var id in updaters)
        {
            if (left <= UpdatersMax) return;
            var owned = Owners[id];
            var bucket = new ManagerId("ancient-changes", false, owned.ApiVersion, "");
            if (firstOfVersion.TryAdd(owned.ApiVersion, id)) continue;
            var first = firstOfVersion[owned.ApiVersion];
            if (!Owners.ContainsKey(bucket))
            {
                Owners[bucket] = Owners[first];
                Owners.Remove(first);
            }
            Owners[bucket] = owned with { Fields = owned.Fields.Union(Owners[bucket].Fields) };
            Owners.Remove(id);
            left--;
            if (Times.TryGetValue(id, out var time)) Times[bucket] = time;
        }
    }

    private static string Text(JsonObject map, string key) =>
        map[key] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : "";
}
