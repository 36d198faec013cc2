using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Policies;

/// <summary>One mutation of a policy: an expression that makes a JSON patch or a configuration to apply.</summary>
internal sealed record PolicyMutation(bool IsJsonPatch, AdmissionExpression Expression);

/// <summary>A MutatingAdmissionPolicy with its expressions compiled. Thread-safe.</summary>
internal sealed class MutatingPolicy
{
    public const string PatchTypeName = "list(JSONPatch)";
    public const string ObjectTypeName = "Object";
    private const long CostMax = 10_000_000;

    private readonly PolicyVariables _variables;

    public MutatingPolicy(JsonObject policy)
    {
        Name = policy.ObjectName();
        Spec = policy.Object("spec") ?? [];
        var hasParams = Spec.Object("paramKind") is not null;
        Conditions = new MatchConditions(Spec, hasParams);
        var environment = CelEnvironment.ForAdmission(hasParams, hasAuthorizer: true, hasPatches: true);
        _variables = new PolicyVariables(Spec, environment);
        List<PolicyMutation> mutations = [];
        foreach (var (_, mutation) in Spec.Items("mutations"))
        {
            var isJsonPatch = mutation.Text("patchType") == "JSONPatch";
            var text = mutation.Object(isJsonPatch ? "jsonPatch" : "applyConfiguration").Text("expression").Trim();
            mutations.Add(new PolicyMutation(isJsonPatch, AdmissionExpression.Compile(text, environment, isJsonPatch ? PatchTypeName : ObjectTypeName)));
        }
        Mutations = mutations;
    }

    public string Name { get; }
    public JsonObject Spec { get; }
    public MatchConditions Conditions { get; }
    public IReadOnlyList<PolicyMutation> Mutations { get; }
    public bool IgnoresFailure => Spec.Text("failurePolicy") == "Ignore";
    public bool MayBeReinvoked => Spec.Text("reinvocationPolicy") == "IfNeeded";

    /// <exception cref="CelException">It has no value.</exception>
    /// <exception cref="BudgetSpentException">It costs too much.</exception>
    public object? Evaluate(PolicyMutation mutation, Dictionary<string, object?> variables)
    {
        if (mutation.Expression.Fault is { } fault) throw new CelException(fault);
        var budget = new CelBudget(CostMax);
        variables["variables"] = _variables.For(variables, budget);
        return mutation.Expression.Evaluate(variables, budget);
    }
}
