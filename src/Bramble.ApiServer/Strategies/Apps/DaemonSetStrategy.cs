using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to DaemonSets: the generation of the template lives on in an annotation.</summary>
internal sealed class DaemonSetStrategy : KindStrategy
{
    private const string TemplateGeneration = "deprecated.daemonset.template.generation";

    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject set)
    {
        var spec = set.Child("spec");
        var update = spec.Child("updateStrategy");
        update.DefaultText("type", "RollingUpdate");
        if (update.Text("type") == "RollingUpdate")
        {
            var rolling = update.Child("rollingUpdate");
            rolling.DefaultTo("maxUnavailable", 1);
            rolling.DefaultTo("maxSurge", 0);
        }

        spec.DefaultTo("revisionHistoryLimit", 10);
        PodDefaults.ApplyToTemplate(spec.Child("template"));
        // A field upstream's apps/v1 shows as this annotation: it is there, if only as 0, before anybody looks.
        SetTemplateGeneration(set, TemplateGenerationOf(set));
    }

    protected override JsonObject NewStatus(JsonObject set, StrategyContext context) =>
        new() { ["currentNumberScheduled"] = 0, ["numberMisscheduled"] = 0, ["desiredNumberScheduled"] = 0, ["numberReady"] = 0 };

    public override void PrepareForCreate(JsonObject set, StrategyContext context)
    {
        base.PrepareForCreate(set, context);
        SetTemplateGeneration(set, Math.Max(1, TemplateGenerationOf(set)));
    }

    public override void PrepareForUpdate(JsonObject set, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(set, old, context);
        SetTemplateGeneration(set, TemplateGenerationOf(old) + (set.Differs(old, "spec", "template") ? 1 : 0));
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject set, JsonObject old, StrategyContext context)
    {
        base.PrepareForSubresourceUpdate(subresource, set, old, context);
        // It is part of the spec upstream: a status write does not touch it.
        SetTemplateGeneration(set, TemplateGenerationOf(old));
    }

    private static long TemplateGenerationOf(JsonObject set) =>
        long.TryParse(set.Annotations().Text(TemplateGeneration), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private static void SetTemplateGeneration(JsonObject set, long generation) =>
        set.Child("metadata").Child("annotations")[TemplateGeneration] = generation.ToString(CultureInfo.InvariantCulture);

    public override void Validate(JsonObject set, FieldErrors errors, StrategyContext context) => DaemonSetRules.Validate(set, errors);

    public override void ValidateUpdate(JsonObject set, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        WorkloadRules.SelectorIsImmutable(set, old, errors);
        DaemonSetRules.Validate(set, errors, old);
    }

    public override void ValidateSubresourceUpdate(string subresource, JsonObject set, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") DaemonSetRules.ValidateStatus(set, old, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject set, JsonObject? old) =>
        old is null || TemplateGenerationOf(set) != TemplateGenerationOf(old) ? PodWarnings.Of(set.Object("spec").Object("template"), FieldPath.Spec.Child("template")) : [];
}
