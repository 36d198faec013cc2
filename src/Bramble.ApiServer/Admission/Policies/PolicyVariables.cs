using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Policies;

/// <summary>The variables of a policy in their order: each may name those before it.</summary>
internal sealed class PolicyVariables
{
    private readonly Dictionary<string, AdmissionExpression> _variables = new(StringComparer.Ordinal);

    /// <summary>Compiles them and adds them to the environment of the expressions that come after.</summary>
    public PolicyVariables(JsonObject spec, CelEnvironment environment)
    {
        foreach (var (_, variable) in spec.Items("variables"))
        {
            var compiled = AdmissionExpression.Compile(variable.Text("expression"), environment);
            _variables[variable.Text("name")] = compiled;
            environment.AddPolicyVariable(variable.Text("name"), compiled.Program);
        }
    }

    /// <summary>The value of <c>variables</c> for one evaluation.</summary>
    public ICelMap For(IReadOnlyDictionary<string, object?> variables, CelBudget budget) => new Values(_variables, variables, budget);

    /// <summary>Each is computed once, when it is first named.</summary>
    private sealed class Values(Dictionary<string, AdmissionExpression> expressions, IReadOnlyDictionary<string, object?> variables, CelBudget budget) : ICelMap
    {
        private readonly Dictionary<string, object?> _known = new(StringComparer.Ordinal);

        public bool TryGet(string key, out object? value)
        {
            if (_known.TryGetValue(key, out value)) return true;
            if (!expressions.TryGetValue(key, out var expression)) return false;
            if (expression.Program is null) throw new CelException($"composited variable {FieldError.Quote(key)} fails to compile: {expression.Fault}");
            try
            {
                value = _known[key] = expression.Program.Evaluate(variables, budget);
                return true;
            }
            catch (CelException e)
            {
                throw new CelException($"composited variable {FieldError.Quote(key)} fails to evaluate: {e.Message}");
            }
        }
    }
}
