namespace Bramble.Api.Cel;

/// <summary>A parsed CEL expression. Immutable.</summary>
internal abstract record CelExpression
{
    public sealed record Literal(object? Value) : CelExpression;

    public sealed record Name(string Text) : CelExpression;

    /// <param name="IsTest">Inside <c>has()</c>: whether the field is there.</param>
    /// <param name="IsOptional"><c>a.?b</c>.</param>
    public sealed record Select(CelExpression Operand, string Field, bool IsTest = false, bool IsOptional = false) : CelExpression;

    public sealed record Index(CelExpression Operand, CelExpression Key, bool IsOptional = false) : CelExpression;

    /// <param name="Target">Null: a function, not a method.</param>
    public sealed record Call(CelExpression? Target, string Function, IReadOnlyList<CelExpression> Arguments) : CelExpression;

    public sealed record Unary(char Operator, CelExpression Operand) : CelExpression;

    public sealed record Binary(string Operator, CelExpression Left, CelExpression Right) : CelExpression;

    public sealed record Conditional(CelExpression Condition, CelExpression Then, CelExpression Else) : CelExpression;

    public sealed record ListOf(IReadOnlyList<CelExpression> Items) : CelExpression;

    public sealed record MapOf(IReadOnlyList<(CelExpression Key, CelExpression Value)> Entries) : CelExpression;

    /// <summary>all, exists, exists_one, filter, map (with an optional condition before the result).</summary>
    public sealed record Comprehension(CelExpression Range, string Macro, string Variable, CelExpression? Condition, CelExpression Body) : CelExpression;
}
