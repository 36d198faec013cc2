using System.Text.Json.Nodes;

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
}
