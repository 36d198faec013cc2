using System.Text.Json.Nodes;

namespace Bramble.Api.Cel;

/// <summary>A compiled expression of the Common Expression Language. Immutable, thread-safe. What an evaluation may cost is bounded.</summary>
public sealed class CelProgram
{
    private readonly CelExpression _expression;

    private CelProgram(CelExpression expression) => _expression = expression;

    /// <exception cref="CelSyntaxException">Not CEL, or it uses a function this server does not have.</exception>
    public static CelProgram Compile(string text) => new(CelParser.Parse(text));

    /// <param name="variables">By name; JSON objects and lists as they are.</param>
    /// <exception cref="CelException">It has no value: a field is not there, types do not fit, it costs too much.</exception>
    public object? Evaluate(IReadOnlyDictionary<string, object?> variables) => new CelEvaluator(variables).Evaluate(_expression);

    /// <summary>True when the expression names the variable.</summary>
    public bool Uses(string variable) => Names(_expression).Contains(variable);

    /// <summary>A JSON value as CEL sees it.</summary>
    public static object? ValueOf(JsonNode? node) => CelValues.Of(node);

    private static IEnumerable<string> Names(CelExpression expression) => expression switch
    {
        CelExpression.Name name => [name.Text],
        CelExpression.Select select => Names(select.Operand),
        CelExpression.Index index => [.. Names(index.Operand), .. Names(index.Key)],
        CelExpression.Call call => [.. call.Target is null ? [] : Names(call.Target), .. call.Arguments.SelectMany(Names)],
        CelExpression.Unary unary => Names(unary.Operand),
        CelExpression.Binary binary => [.. Names(binary.Left), .. Names(binary.Right)],
        CelExpression.Conditional choice => [.. Names(choice.Condition), .. Names(choice.Then), .. Names(choice.Else)],
        CelExpression.ListOf list => list.Items.SelectMany(Names),
        CelExpression.MapOf map => map.Entries.SelectMany(e => Names(e.Key).Concat(Names(e.Value))),
        CelExpression.Comprehension loop => [.. Names(loop.Range), .. loop.Condition is null ? [] : Names(loop.Condition), .. Names(loop.Body)],
        _ => [],
    };
}
