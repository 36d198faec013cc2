using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to EndpointSlices: labels count as a new generation too.</summary>
internal sealed class EndpointSliceStrategy : KindStrategy
{
    public override bool CountsGeneration => true;
    protected override IReadOnlyList<string> GenerationFields { get; } = ["addressType", "endpoints", "ports"];

    public override void Default(JsonObject slice)
    {
        foreach (var (_, port) in slice.Items("ports"))
        {
            port.DefaultTo("name", "");
            port.DefaultTo("protocol", "TCP");
        }
    }

    public override void PrepareForUpdate(JsonObject slice, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(slice, old, context);
        if (slice.Differs(old, "metadata", "labels")) slice.BumpGeneration(old);
    }
}
