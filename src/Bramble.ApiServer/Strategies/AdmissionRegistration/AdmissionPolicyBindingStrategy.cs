using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to the bindings of admission policies.</summary>
internal sealed class AdmissionPolicyBindingStrategy(bool isMutating) : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool AllowsPlainFinalizers => true;
    public override bool CountsGeneration => true;
    public override bool AllowsUnconditionalUpdate => false;

    public bool IsMutating => isMutating;

    public override void Default(JsonObject binding) => AdmissionDefaults.ApplyToResources(binding.Object("spec").Object("matchResources"));

    public override void Validate(JsonObject binding, FieldErrors errors, StrategyContext context)
    {
        AdmissionPolicyRules.ValidateBinding(binding, isMutating, errors);
        ParameterAccess.CheckBinding(binding, isMutating, errors, context);
    }

    public override IEnumerable<string> Warnings(JsonObject binding, JsonObject? old) => AdmissionDefaults.NameWarnings(binding);
}
