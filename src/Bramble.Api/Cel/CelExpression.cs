namespace Bramble.Api.Cel;

/// <summary>A parsed CEL expression. The checker writes <see cref="Type"/>, and the overloads of calls, once; then it is read only.</summary>
/// <param name="at">Index of the code point that errors point at.</param>
internal abstract class CelExpression(int at)
{
    public int At => at;

    public CelType? Type { get; set; }

    internal sealed class Literal(int at, object? value) : CelExpression(at)
    {
        public object? Value => value;
    }

    internal sealed class Name(int at, string text) : CelExpression(at)
    {
        public string Text => text;
    }

    /// <param name="isTest">Inside <c>has()</c>: whether the field is there.</param>
    internal sealed class Select(int at, CelExpression operand, string fieldName, bool isTest = false) : CelExpression(at)
    {
        public CelExpression Operand => operand;
        public string Field => fieldName;
        public bool IsTest => isTest;

        /// <summary>The whole is the name of one variable: <c>authorizer.requestResource</c>.</summary>
        public string? QualifiedName { get; set; }
    }

    /// <param name="target">Null: a function, not a method.</param>
    internal sealed class Call(int at, string function, CelExpression? target, IReadOnlyList<CelExpression> arguments) : CelExpression(at)
    {
        /// <summary>With its namespace, once checked: <c>sets.contains</c>.</summary>
        public string Function { get; set; } = function;
        public CelExpression? Target { get; set; } = target;
        public IReadOnlyList<CelExpression> Arguments => arguments;

        /// <summary>The overloads that its arguments' types allow.</summary>
        public IReadOnlyList<string> Overloads { get; set; } = [];
    }

    internal readonly record struct Item(CelExpression Value, bool IsOptional);

    internal sealed class ListOf(int at, IReadOnlyList<Item> items) : CelExpression(at)
    {
        public IReadOnlyList<Item> Items => items;
    }

    internal readonly record struct Entry(int At, CelExpression Key, CelExpression Value, bool IsOptional);

    internal sealed class MapOf(int at, IReadOnlyList<Entry> entries) : CelExpression(at)
    {
        public IReadOnlyList<Entry> Entries => entries;
    }

    internal readonly record struct FieldValue(int At, string Name, CelExpression Value, bool IsOptional);

    internal sealed class StructOf(int at, string typeName, IReadOnlyList<FieldValue> fields) : CelExpression(at)
    {
        public string TypeName => typeName;
        public IReadOnlyList<FieldValue> Fields => fields;
    }

    /// <summary>What macros become: a loop with an accumulator.</summary>
    internal sealed class Fold(int at) : CelExpression(at)
    {
        public required CelExpression Range { get; init; }
        public required string Variable { get; init; }

        /// <summary>The value beside the key, or the item beside its index; null: one variable.</summary>
        public string? Variable2 { get; init; }
        public required string Accumulator { get; init; }
        public required CelExpression Start { get; init; }
        public required CelExpression Condition { get; init; }
        public required CelExpression Step { get; init; }
        public required CelExpression Result { get; init; }

        /// <summary>No loop at all: a name for a value (optMap, sortBy).</summary>
        public bool IsBinding => Range is ListOf { Items.Count: 0 } && Condition is Literal { Value: false };
    }

    /// <summary>Stands where an error was reported.</summary>
    internal sealed class Broken(int at) : CelExpression(at);

    /// <summary>The direct parts.</summary>
    public IEnumerable<CelExpression> Parts() => this switch
    {
        Select select => [select.Operand],
        Call { Target: { } target } call => [target, .. call.Arguments],
        Call call => call.Arguments,
        ListOf list => list.Items.Select(i => i.Value),
        MapOf map => map.Entries.SelectMany(e => (CelExpression[])[e.Key, e.Value]),
        StructOf made => made.Fields.Select(f => f.Value),
        Fold fold => [fold.Range, fold.Start, fold.Condition, fold.Step, fold.Result],
        _ => [],
    };
}
