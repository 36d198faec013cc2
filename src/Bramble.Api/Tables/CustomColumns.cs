using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.CustomResources;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;

namespace Bramble.Api.Tables;

/// <summary>The printer of a custom resource: name, then the columns its definition names by JSONPath.</summary>
internal static class CustomColumns
{
    private sealed record Column(TableColumn Header, JsonPath Path);

    public static TablePrinter Printer(JsonArray? definitions)
    {
        var columns = (definitions is { Count: > 0 } ? definitions.OfType<JsonObject>() : [DefaultColumn()]).Select(Read).ToList();
        return new TablePrinter([new TableColumn("Name", Format: "name"), .. columns.Select(c => c.Header)], (obj, now) => Cells(columns, obj, now));
    }

    private static JsonObject DefaultColumn() => new() { ["name"] = "Age", ["type"] = "date", ["jsonPath"] = ".metadata.creationTimestamp" };

    private static Column Read(JsonObject definition)
    {
        var path = definition.Text("jsonPath");
        var description = definition.Text("description") is { Length: > 0 } text ? text : $"Custom resource definition column (in JSONPath format): {path}";
        var header = new TableColumn(definition.Text("name"), definition.Text("type"), definition.Text("format"), (int)definition.Number("priority"), description);
        return new(header, JsonPath.Parse(path));
    }

    private static JsonArray Cells(IReadOnlyList<Column> columns, JsonObject obj, DateTimeOffset now)
    {
        var cells = new JsonArray(obj.Name());
        foreach (var column in columns) cells.Add(Cell(column.Header.Type, column.Path.Find(obj), now));
        return cells;
    }

    /// <summary>The cell of the first value found; null for none, or one of another type.</summary>
    private static JsonNode? Cell(string type, IReadOnlyList<JsonNode?> found, DateTimeOffset now)
    {
        if (found.Count == 0) return null;
        var value = found[0];
        if (type == "string") return Print(value);
        if (value is not JsonValue scalar) return null;
        switch (type, scalar.GetValueKind())
        {
            case ("integer", JsonValueKind.Number):
                return scalar.TryGetValue<long>(out var integer) ? integer : (long)double.Parse(scalar.ToJsonString(), CultureInfo.InvariantCulture);
            case ("number", JsonValueKind.Number) or ("boolean", JsonValueKind.True or JsonValueKind.False):
                return scalar.DeepClone();
            case ("date", JsonValueKind.String):
                var text = scalar.GetValue<string>();
                if (text is "" or "null") return "<unknown>";
                // A day alone is no time.
                return SchemaFormats.Has(text, "date-time") && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? HumanDuration.Format(now - time) : "<invalid>";
            default:
                return null;
        }
    }

    private static string Print(JsonNode? value) => value switch
    {
        null => "<no value>",
        JsonValue v when v.TryGetValue<string>(out var text) => text,
        // Go's JSON: keys in order, and what HTML gives a meaning is escaped.
        JsonObject or JsonArray => FieldError.Show(Sorted(value)),
        _ => GoFormat.Value(value),
    };

    private static JsonNode? Sorted(JsonNode? value) => value switch
    {
        JsonObject map => new JsonObject(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => value?.DeepClone(),
    };
}
