using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.Api.Tables;

/// <summary>Prints objects of one kind as rows of a Table. Immutable, thread-safe.</summary>
public sealed class TablePrinter
{
    internal delegate JsonArray CellsOf(JsonObject obj, DateTimeOffset now);

    private readonly CellsOf _cells;

    internal TablePrinter(string columns, CellsOf cells)
        : this(TableColumn.Parse(columns), cells)
    {
    }

    internal TablePrinter(IReadOnlyList<TableColumn> columns, CellsOf cells)
    {
        Columns = columns;
        _cells = cells;
    }

    public IReadOnlyList<TableColumn> Columns { get; }

    /// <summary>Kind an object must be turned into before it is printed; default: printed as it is.</summary>
    internal GroupVersionKind? PrintedAs { get; init; }

    /// <summary>Order of the rows of a list, where it is not the list's own.</summary>
    internal Comparison<JsonObject>? Order { get; init; }

    /// <summary>An annotation that only carries a field of another version: the metadata of a row is without it.</summary>
    internal string? FieldAnnotation { get; init; }

    /// <summary>Conditions of the row (pods that ended); null: none.</summary>
    internal Func<JsonObject, JsonArray?> RowConditions { get; init; } = _ => null;

    /// <summary>True: an empty list has <c>rows: null</c>, as upstream's generic printer writes it.</summary>
    internal bool WritesNullForNoRows { get; init; }

    /// <summary>The printer of a kind; kinds without one show name and creation time.</summary>
    public static TablePrinter For(GroupVersionKind kind) => BuiltInPrinters.Find(kind) ?? BuiltInPrinters.Generic;

    /// <summary>The printer of a custom resource.</summary>
    /// <param name="columns">additionalPrinterColumns of the version; null or empty: name and age.</param>
    public static TablePrinter ForCustom(JsonArray? columns) => CustomColumns.Printer(columns);

    /// <summary>The cells of one object, which is in the form <see cref="PrintedAs"/> asks for.</summary>
    public JsonArray Cells(JsonObject obj, DateTimeOffset now) => _cells(obj, now);
}
