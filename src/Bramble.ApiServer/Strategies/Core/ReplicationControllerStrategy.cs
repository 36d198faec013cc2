using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ReplicationControllers: selector and labels default to those of the template.</summary>
internal sealed class ReplicationControllerStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;
    public override string DefaultPropagation => "Orphan";
    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => LongName(name, isPrefix);

    public override void Default(JsonObject controller)
    {
        var spec = controller.Child("spec");
        spec.DefaultTo("replicas", 1);
        if (spec.Object("template") is not { } template) return;
        if (template.Labels() is { Count: > 0 } labels)
        {
            if (spec.Count("selector") == 0) spec["selector"] = labels.DeepClone();
            if (controller.Object("metadata").Count("labels") == 0) controller.Child("metadata")["labels"] = labels.DeepClone();
        }

        PodDefaults.ApplyToTemplate(template);
    }

    protected override JsonObject NewStatus(JsonObject controller, StrategyContext context) => new() { ["replicas"] = 0 };

    public override IReadOnlyList<string> SelectableFields { get; } = ["status.replicas"];

    public override string? FieldValue(JsonObject controller, string fieldPath) =>
        fieldPath == "status.replicas" ? controller.Object("status").Long("replicas").ToString(CultureInfo.InvariantCulture) : null;

    public override void Validate(JsonObject controller, FieldErrors errors, StrategyContext context) => ReplicaSetRules.ValidateController(controller, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject controller, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") ReplicaSetRules.ValidateStatus(controller, errors);
    }

    /// <summary>Of an update upstream looks at the old template.</summary>
    public override IEnumerable<string> Warnings(JsonObject controller, JsonObject? old) =>
        old is null ? PodWarnings.OfController(controller, null)
        : controller.Generation() != old.Generation() ? PodWarnings.Of(old.Object("spec").Object("template"), FieldPath.Spec.Child("template")) : [];
}
