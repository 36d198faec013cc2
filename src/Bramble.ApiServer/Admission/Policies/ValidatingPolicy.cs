using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Policies;

/// <summary>What one validation of a policy found. <c>Reason</c>: the Status reason of the refusal.</summary>
internal sealed record PolicyRefusal(string Message, string Reason = "Invalid");

/// <summary>A ValidatingAdmissionPolicy with its expressions compiled. Thread-safe.</summary>
internal sealed class ValidatingPolicy
{
    private const long CostMax = 10_000_000;
    private const int MessageBytesMax = 5 * 1024;

    private readonly PolicyVariables _variables;
    private readonly List<(AdmissionExpression Expression, AdmissionExpression? Message, string FixedMessage, string Reason)> _validations = [];
    private readonly List<AdmissionExpression> _annotations = [];

    public ValidatingPolicy(JsonObject policy)
    {
        Name = policy.ObjectName();
        Spec = policy.Object("spec") ?? [];
        var hasParams = Spec.Object("paramKind") is not null;
        Conditions = new MatchConditions(Spec, hasParams);
        var hasVariables = Spec.Count("variables") > 0;
        var environment = CelEnvironment.ForAdmission(hasParams, hasAuthorizer: true, hasVariables: hasVariables);
        var messages = CelEnvironment.ForAdmission(hasParams, hasAuthorizer: false, hasVariables: hasVariables);
        _variables = new PolicyVariables(Spec, environment);
        if (hasVariables) messages.TakePolicyVariables(environment);
        foreach (var (_, validation) in Spec.Items("validations"))
        {
            var message = validation.Text("messageExpression") is { Length: > 0 } text ? AdmissionExpression.Compile(text, messages, "string") : null;
            var reason = validation.Text("reason") is { Length: > 0 } given ? given : "Invalid";
            _validations.Add((AdmissionExpression.Compile(validation.Text("expression"), environment, "bool"), message, validation.Text("message").Trim(), reason));
        }
        foreach (var (_, annotation) in Spec.Items("auditAnnotations")) _annotations.Add(AdmissionExpression.Compile(annotation.Text("valueExpression").Trim(), environment, "string", "null_type"));
    }

    public string Name { get; }
    public JsonObject Spec { get; }
    public MatchConditions Conditions { get; }
    public bool IgnoresFailure => Spec.Text("failurePolicy") == "Ignore";

    /// <param name="always">Refusals that hold whatever the binding's actions: an audit annotation cannot be made.</param>
    /// <returns>The refusals, in the order of the validations.</returns>
    public List<PolicyRefusal> Evaluate(Dictionary<string, object?> variables, out List<PolicyRefusal> always)
    {
        always = [];
        List<PolicyRefusal> refusals = [];
        if (!Conditions.Match(variables, out var unclear))
        {
            if (unclear is not null && !IgnoresFailure) refusals.Add(new PolicyRefusal(unclear));
            return refusals;
        }
        var budget = new CelBudget(CostMax);
        variables["variables"] = _variables.For(variables, budget);
        try
        {
            foreach (var (expression, message, fixedMessage, reason) in _validations)
                try
                {
                    if (expression.Evaluate(variables, budget) is not true) refusals.Add(new PolicyRefusal(Message(expression, message, fixedMessage, variables, budget), reason));
                }
                catch (CelException e)
                {
                    if (!IgnoresFailure) refusals.Add(new PolicyRefusal(e.Message));
                }
            foreach (var annotation in _annotations)
                try
                {
                    annotation.Evaluate(variables, budget);
                }
                catch (CelException e)
                {
                    if (!IgnoresFailure) always.Add(new PolicyRefusal(e.Message));
                }
        }
        catch (BudgetSpentException e)
        {
            return IgnoresFailure ? [] : [new PolicyRefusal(e.Message)];
        }
        return refusals;
    }

    private static string Message(AdmissionExpression expression, AdmissionExpression? message, string fixedMessage, Dictionary<string, object?> variables, CelBudget budget)
    {
        if (message is not null)
            try
            {
                if (message.Evaluate(variables, budget) is string made && made.Trim() is { Length: > 0 } text && !text.Contains('\n') && Encoding.UTF8.GetByteCount(text) <= MessageBytesMax) return text;
            }
            catch (CelException)
            {
                // As upstream: a message that cannot be made is replaced by the fixed one.
            }
        return fixedMessage.Length > 0 ? fixedMessage : $"failed expression: {expression.Text.Trim()}";
    }
}
