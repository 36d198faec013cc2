using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PriorityClasses: generation 1 for ever.</summary>
internal sealed class PriorityClassStrategy : KindStrategy
{
    public override bool CountsGeneration => true;
    protected override IReadOnlyList<string> GenerationFields => [];

    public override void Default(JsonObject @class) => @class.DefaultTo("preemptionPolicy", "PreemptLowerPriority");
}
