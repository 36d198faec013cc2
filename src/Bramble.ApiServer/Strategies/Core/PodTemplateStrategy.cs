using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PodTemplates.</summary>
internal sealed class PodTemplateStrategy : KindStrategy
{
    public override bool CountsGeneration => true;
    protected override IReadOnlyList<string> GenerationFields { get; } = ["template"];

    public override void Default(JsonObject template) => PodDefaults.ApplyToTemplate(template.Child("template"));
}
