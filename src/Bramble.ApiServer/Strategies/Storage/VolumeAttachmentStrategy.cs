using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to VolumeAttachments.</summary>
internal sealed class VolumeAttachmentStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool AllowsUnconditionalUpdate => false;
    protected override bool StatusWriteKeepsMeta => true;

    protected override JsonObject NewStatus(JsonObject attachment, StrategyContext context) => new() { ["attached"] = false };
}
