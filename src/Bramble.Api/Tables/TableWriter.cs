using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;

namespace Bramble.Api.Tables;

/// <summary>Writes objects as a meta.k8s.io Table. Objects are UTF-8 JSON as stored or as served; what a row carries of them is copied, not re-serialised.</summary>
public static class TableWriter
{
    /// <param name="kind">Kind that was asked for: the form of objects that rows carry whole.</param>
    public static void Write(
        Utf8JsonWriter writer, TablePrinter printer, GroupVersionKind kind, IReadOnlyList<ReadOnlyMemory<byte>> objects, in TableMetadata metadata, TableQuery query, DateTimeOffset now)
    {
        writer.WriteStartObject();
        writer.WriteString("kind"u8, "Table"u8);
        writer.WriteString("apiVersion"u8, "meta.k8s.io/" + query.Version);
        PartialObjectMetadata.WriteListMetadata(writer, metadata);
        writer.WritePropertyName("columnDefinitions"u8);
        if (query.HasHeaders) WriteColumns(writer, printer.Columns);
        else writer.WriteNullValue();
        writer.WritePropertyName("rows"u8);
        if (objects.Count == 0 && printer.WritesNullForNoRows)
            writer.WriteNullValue();
        else
        {
            writer.WriteStartArray();
            foreach (var (json, tree) in Rows(printer, objects)) WriteRow(writer, printer, kind, json, tree, query, now);
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    private static void WriteColumns(Utf8JsonWriter writer, IReadOnlyList<TableColumn> columns)
    {
        writer.WriteStartArray();
        foreach (var column in columns)
        {
            writer.WriteStartObject();
            writer.WriteString("name"u8, column.Name);
            writer.WriteString("type"u8, column.Type);
            writer.WriteString("format"u8, column.Format);
            writer.WriteString("description"u8, column.Description);
            writer.WriteNumber("priority"u8, column.Priority);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static IEnumerable<(ReadOnlyMemory<byte> Json, JsonObject Tree)> Rows(TablePrinter printer, IReadOnlyList<ReadOnlyMemory<byte>> objects)
    {
        var rows = objects.Select(json => (Json: json, Tree: Parse(printer, json)));
        if (printer.Order is not { } order) return rows;
        var sorted = rows.ToList();
        sorted.Sort((a, b) => order(a.Tree, b.Tree));
        return sorted;
    }

    private static JsonObject Parse(TablePrinter printer, ReadOnlyMemory<byte> json)
    {
        var tree = JsonNode.Parse(json.Span)!.AsObject();
        // A bookmark has no kind's shape to convert.
        if (printer.PrintedAs is { } form && tree.ContainsKey("spec") | tree.ContainsKey("note")) KindConversion.Convert(tree, form);
        return tree;
    }

    private static void WriteRow(
        Utf8JsonWriter writer, TablePrinter printer, GroupVersionKind kind, ReadOnlyMemory<byte> json, JsonObject tree, TableQuery query, DateTimeOffset now)
    {
        writer.WriteStartObject();
        writer.WritePropertyName("cells"u8);
        printer.Cells(tree, now).WriteTo(writer);
        if (printer.RowConditions(tree) is { } conditions)
        {
            writer.WritePropertyName("conditions"u8);
            conditions.WriteTo(writer);
        }
        writer.WritePropertyName("object"u8);
        switch (query.Include)
        {
            case IncludedObject.None:
                writer.WriteNullValue();
                break;
            case IncludedObject.Object when printer.PrintedAs is null:
                writer.WriteRawValue(json.Span, skipInputValidation: true);
                break;
            case IncludedObject.Object:
                KindConversion.Convert(tree, kind);
                tree.WriteTo(writer);
                break;
            // The metadata of a kind that is printed in another form is that form's: no annotations that only carry fields over.
            case var _ when printer.PrintedAs is not null:
                PartialObjectMetadata.Write(writer, tree["metadata"], query.Version);
                break;
            case var _ when printer.FieldAnnotation is { } hidden:
                PartialObjectMetadata.Write(writer, Without(tree["metadata"], hidden), query.Version);
                break;
            default:
                PartialObjectMetadata.Write(writer, json.Span, query.Version);
                break;
        }
        writer.WriteEndObject();
    }

    private static JsonNode? Without(JsonNode? metadata, string annotation)
    {
        if (metadata?["annotations"] is not JsonObject annotations || !annotations.Remove(annotation)) return metadata;
        if (annotations.Count == 0) metadata.AsObject().Remove("annotations");
        return metadata;
    }
}
