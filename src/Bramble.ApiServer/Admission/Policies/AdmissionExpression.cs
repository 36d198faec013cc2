using Bramble.Api.Cel;

namespace Bramble.ApiServer.Admission.Policies;

/// <summary>An expression of admission, compiled; or why it is none. Immutable.</summary>
internal sealed class AdmissionExpression
{
    private AdmissionExpression(string text, CelProgram? program, string? fault) => (Text, Program, Fault) = (text, program, fault);

    public string Text { get; }
    public CelProgram? Program { get; }

    /// <summary>In the words in which a write of the policy is refused; null: it compiles.</summary>
    public string? Fault { get; }

    /// <param name="types">What it may evaluate to; none: anything.</param>
    public static AdmissionExpression Compile(string text, CelEnvironment environment, params ReadOnlySpan<string> types)
    {
        try
        {
            var program = CelProgram.Compile(text, environment);
            if (types.IsEmpty || types.Contains(program.TypeName)) return new AdmissionExpression(text, program, null);
            var wanted = types.Length == 1 ? types[0] : $"one of [{string.Join(' ', types!)}]";
            return new AdmissionExpression(text, null, $"must evaluate to {wanted} but got {program.TypeName}");
        }
        catch (CelSyntaxException e)
        {
            return new AdmissionExpression(text, null, $"compilation failed: {e.Message}");
        }
    }

    /// <exception cref="CelException">It has no value; the message is upstream's whole one.</exception>
    public object? Evaluate(IReadOnlyDictionary<string, object?> variables, CelBudget budget)
    {
        if (Program is null) throw new CelException($"compilation error: {Fault}");
        try
        {
            var value = Program.Evaluate(variables, budget);
            return budget.IsSpent ? throw new BudgetSpentException() : value;
        }
        catch (CelException e)
        {
            throw budget.IsSpent ? new BudgetSpentException() : new CelException($"expression '{Text}' resulted in error: {e.Message}");
        }
    }
}

/// <summary>All expressions of a policy together cost too much: none is evaluated any more.</summary>
internal sealed class BudgetSpentException() : Exception("validation failed due to running out of cost budget, no further validation rules will be run");
