using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to IngressClasses.</summary>
internal sealed class IngressClassStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject @class) => @class.Object("spec").Object("parameters")?.DefaultTo("scope", "Cluster");

    public override void Validate(JsonObject @class, FieldErrors errors, StrategyContext context) => IngressRules.ValidateClass(@class, errors);

    public override void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        ImmutableRules.Field(@class.Object("spec"), old.Object("spec"), "controller", FieldPath.Spec.Child("controller"), errors);
        IngressRules.ValidateClass(@class, errors);
    }
}
