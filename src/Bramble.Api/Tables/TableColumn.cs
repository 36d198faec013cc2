namespace Bramble.Api.Tables;

/// <summary>A column of a Table. Priority above 0: shown by <c>-o wide</c> only.</summary>
public sealed record TableColumn(string Name, string Type = "string", string Format = "", int Priority = 0, string Description = "")
{
    /// <summary>Reads <c>Name:name|Desired:integer|Age|IP/1</c>: name, after a colon the format <c>name</c> or a type, after a slash the priority.</summary>
    internal static IReadOnlyList<TableColumn> Parse(string columns) => [.. columns.Split('|').Select(ParseOne)];

    private static TableColumn ParseOne(string column)
    {
        var priority = column.EndsWith("/1", StringComparison.Ordinal) ? 1 : 0;
        if (priority > 0) column = column[..^2];
        return column.Split(':') switch
        {
            [var name, "name"] => new(name, Format: "name", Priority: priority),
            [var name, var type] => new(name, type, Priority: priority),
            _ => new(column, Priority: priority),
        };
    }
}
