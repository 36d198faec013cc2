using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Policies;

/// <summary>The matchConditions of a webhook or a policy: a condition that is false decides, whatever became of the others.</summary>
internal sealed class MatchConditions
{
    /// <summary>What all conditions of one webhook or policy may cost for a request.</summary>
    private const long CostMax = 2_500_000;

    private readonly List<AdmissionExpression> _conditions = [];

    /// <param name="owner">The webhook, or the policy's spec.</param>
    public MatchConditions(JsonObject owner, bool hasParams)
    {
        if (owner.Count("matchConditions") == 0) return;
        var environment = CelEnvironment.ForAdmission(hasParams, hasAuthorizer: true, hasVariables: false);
        foreach (var (_, condition) in owner.Items("matchConditions")) _conditions.Add(AdmissionExpression.Compile(condition.Text("expression").Trim(), environment, "bool"));
    }

    public bool IsEmpty => _conditions.Count == 0;

    /// <param name="error">A condition could not be evaluated, and none was false.</param>
    public bool Match(IReadOnlyDictionary<string, object?> variables, out string? error)
    {
        error = null;
        var (budget, errors) = (new CelBudget(CostMax), new List<string>());
        try
        {
            foreach (var condition in _conditions)
                try
                {
                    if (condition.Evaluate(variables, budget) is false) return false;
                }
                catch (CelException e)
                {
                    errors.Add(e.Message);
                }
        }
        catch (BudgetSpentException e)
        {
            errors = [e.Message];
        }
        // Equal errors are told once.
        errors = [.. errors.Distinct(StringComparer.Ordinal)];
        if (errors.Count > 0) error = errors.Count == 1 ? errors[0] : $"[{string.Join(", ", errors)}]";
        return errors.Count == 0;
    }
}
