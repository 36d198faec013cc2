using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ReplicaSets.</summary>
internal sealed class ReplicaSetStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject set)
    {
        var spec = set.Child("spec");
        spec.DefaultTo("replicas", 1);
        PodDefaults.ApplyToTemplate(spec.Child("template"));
    }

    protected override JsonObject NewStatus(JsonObject set, StrategyContext context) => new() { ["replicas"] = 0 };

    public override void Validate(JsonObject set, FieldErrors errors, StrategyContext context) => ReplicaSetRules.Validate(set, errors);

    public override void ValidateUpdate(JsonObject set, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        ReplicaSetRules.Validate(set, errors);
        WorkloadRules.SelectorIsImmutable(set, old, errors);
    }

    public override void ValidateSubresourceUpdate(string subresource, JsonObject set, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") ReplicaSetRules.ValidateStatus(set, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject set, JsonObject? old) => PodWarnings.OfController(set, old);
}
