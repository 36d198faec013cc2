using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PodTemplates.</summary>
internal sealed class PodTemplateStrategy : KindStrategy
{
    public override bool CountsGeneration => true;
    protected override IReadOnlyList<string> GenerationFields { get; } = ["template"];

    public override void Default(JsonObject template) => PodDefaults.ApplyToTemplate(template.Child("template"));

    public override void Validate(JsonObject template, FieldErrors errors, StrategyContext context) =>
        PodTemplateRules.Validate(template.Object("template"), FieldPath.Of("template"), errors);

    public override IEnumerable<string> Warnings(JsonObject template, JsonObject? old) =>
        old is null || template.Generation() != old.Generation() ? PodWarnings.Of(template.Object("template"), FieldPath.Of("template")) : [];
}
