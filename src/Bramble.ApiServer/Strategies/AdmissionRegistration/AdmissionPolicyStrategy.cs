using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ValidatingAdmissionPolicies and MutatingAdmissionPolicies; only the former have a status.</summary>
internal sealed class AdmissionPolicyStrategy(bool isMutating) : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool AllowsPlainFinalizers => true;
    public override bool HasStatus => !isMutating;
    public override bool CountsGeneration => true;
    public override bool AllowsUnconditionalUpdate => false;
    protected override bool StatusWriteKeepsMeta => true;

    public override void Default(JsonObject policy)
    {
        var spec = policy.Child("spec");
        spec.DefaultTo("failurePolicy", "Fail");
        AdmissionDefaults.ApplyToResources(spec.Object("matchConstraints"));
    }

    public override void Validate(JsonObject policy, FieldErrors errors, StrategyContext context) => Validate(policy, null, errors, context);

    public override void ValidateUpdate(JsonObject policy, JsonObject old, FieldErrors errors, StrategyContext context) => Validate(policy, old, errors, context);

    private void Validate(JsonObject policy, JsonObject? old, FieldErrors errors, StrategyContext context)
    {
        AdmissionPolicyRules.Validate(policy, old, isMutating, errors);
        ParameterAccess.CheckPolicy(policy, old, errors, context);
    }

    public override IEnumerable<string> Warnings(JsonObject policy, JsonObject? old) => AdmissionDefaults.NameWarnings(policy);
}
