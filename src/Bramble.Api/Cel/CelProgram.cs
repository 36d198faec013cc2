using System.Text.Json.Nodes;

namespace Bramble.Api.Cel;

/// <summary>An expression that does not compile; the message shows each fault with its line, as cel-go's does.</summary>
public sealed class CelSyntaxException(string message) : Exception(message);

/// <summary>What several evaluations may cost together. Not thread-safe.</summary>
public sealed class CelBudget(long cost)
{
    public long Left { get; internal set; } = cost;

    public bool IsSpent => Left < 0;
}

/// <summary>A compiled expression of the Common Expression Language. Immutable, thread-safe. What an evaluation may cost is bounded.</summary>
public sealed class CelProgram
{
    /// <summary>Of one evaluation: about a tenth of a second.</summary>
    public const long CallCostMax = 1_000_000;

    private readonly CelExpression _expression;

    private CelProgram(CelExpression expression, CelType type) => (_expression, OutputType) = (expression, type);

    internal CelType OutputType { get; }

    internal CelExpression Expression => _expression;

    /// <summary>The type of the value: <c>bool</c>, <c>list(string)</c>, <c>dyn</c>…</summary>
    public string TypeName => Declared(OutputType);

    /// <exception cref="CelSyntaxException">Not CEL, types do not fit, or a name is not known.</exception>
    public static CelProgram Compile(string text, CelEnvironment environment)
    {
        var source = new CelSource(text);
        var expression = CelParser.Parse(source, environment.HasBind);
        if (expression is null || source.HasIssues) throw new CelSyntaxException(source.Show());
        var type = new CelChecker(source, environment).Check(expression);
        if (!source.HasIssues) CelLiteralRules.Check(expression, source);
        return source.HasIssues ? throw new CelSyntaxException(source.Show()) : new CelProgram(expression, type);
    }

    /// <param name="variables">By name; JSON objects and lists as they are, or as <see cref="ValueOf"/> makes them.</param>
    /// <param name="budget">What all evaluations for one request may still cost.</param>
    /// <exception cref="CelException">It has no value: a field is not there, types do not fit, it costs too much.</exception>
    public object? Evaluate(IReadOnlyDictionary<string, object?> variables, CelBudget? budget = null)
    {
        var evaluator = new CelEvaluator(variables, CallCostMax);
        try
        {
            var value = evaluator.Evaluate(_expression);
            return value is CelFault fault ? throw new CelException(fault.Message) : value;
        }
        finally
        {
            if (budget is not null) budget.Left -= evaluator.Cost;
        }
    }

    /// <summary>What an evaluation could cost at most, by the sizes that the schema of <c>self</c> allows.</summary>
    public ulong CostMax(CelDeclaration self) => new CelCostEstimator(self).Estimate(_expression).Max;

    /// <summary>True when the expression names the variable.</summary>
    public bool Uses(string variable) => Names(_expression).Contains(variable);

    /// <summary>A JSON value as CEL sees it; with a declaration its formats are known.</summary>
    public static object? ValueOf(JsonNode? node, CelDeclaration? declaration = null) => CelJson.Of(node, declaration);

    /// <summary>A version by semver.org as CEL's <c>semver()</c> makes it; its text where it is none.</summary>
    public static object VersionOf(string text) => CelVersion.Parse(text, normalize: false) is CelVersion version ? version : text;

    /// <summary>What CEL calls the value's type.</summary>
    public static string TypeNameOf(object? value) => CelValues.TypeName(value);

    /// <summary>A value as JSON.</summary>
    /// <exception cref="CelException">It has no such form.</exception>
    public static JsonNode? JsonOf(object? value)
    {
        var json = CelJson.ToJson(value, out var error);
        return error is null ? json : throw new CelException(error);
    }

    /// <summary>The value of the variable <c>authorizer</c>, and of <c>authorizer.requestResource</c> where a resource is given.</summary>
    public static object Authorizer(Func<CelAccess, CelAccessAnswer> ask, CelAccess? resource = null) => new CelAuthorizer(ask, resource ?? new CelAccess(), resource is null ? "Authorizer" : "ResourceCheck");

    private static string Declared(CelType type) => type.Parameters.Count == 0 ? type.Name : $"{type.Name}({string.Join(", ", type.Parameters.Select(Declared))})";

    private static IEnumerable<string> Names(CelExpression expression) => expression switch
    {
        CelExpression.Name name => [name.Text],
        CelExpression.Select { QualifiedName: { } name } => [name],
        _ => expression.Parts().SelectMany(Names),
    };
}
