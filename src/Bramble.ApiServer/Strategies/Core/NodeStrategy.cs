using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Nodes. Behaviour of pkg/registry/core/node.</summary>
internal sealed class NodeStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    /// <summary>Unlike other kinds a new Node keeps the status it is created with: the kubelet registers itself in one write.</summary>
    public override bool HasStatus => false;

    public override void Default(JsonObject node)
    {
        var spec = node.Child("spec");
        // The range of the only family there once was, and the ranges of all.
        if (spec.Text("podCIDR") is { Length: > 0 } range && spec.Count("podCIDRs") == 0) spec["podCIDRs"] = new JsonArray((JsonNode)range);
        else if (spec.Texts("podCIDRs").FirstOrDefault() is { Length: > 0 } first && spec.Text("podCIDR").Length == 0) spec["podCIDR"] = first;
        var status = node.Child("status");
        if (!status.Has("allocatable") && status.Object("capacity") is { } capacity) status["allocatable"] = capacity.DeepClone();
    }

    public override void PrepareForCreate(JsonObject node, StrategyContext context)
    {
        // Dynamic kubelet configuration is gone.
        node.Object("spec")?.Remove("configSource");
        node.Object("status")?.Remove("config");
    }

    public override void PrepareForUpdate(JsonObject node, JsonObject old, StrategyContext context)
    {
        node.KeepFrom(old, "status");
        if (!old.Object("spec").Has("configSource")) node.Object("spec")?.Remove("configSource");
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject node, JsonObject old, StrategyContext context)
    {
        if (subresource != "status") return;
        KeepAllButStatus(node, old);
        if (!old.Object("status").Has("config")) node.Object("status")?.Remove("config");
    }

    public override IReadOnlyList<string> SelectableFields { get; } = ["spec.unschedulable"];

    public override string? FieldValue(JsonObject node, string fieldPath) =>
        fieldPath == "spec.unschedulable" ? (node.Object("spec").Bool("unschedulable") ? "true" : "false") : null;

    public override void Validate(JsonObject node, FieldErrors errors, StrategyContext context) => NodeRules.Validate(node, errors);

    public override void ValidateUpdate(JsonObject node, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        NodeRules.Validate(node, errors);
        NodeRules.ValidateUpdate(node, old, errors);
    }

    public override void ValidateSubresourceUpdate(string subresource, JsonObject node, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") NodeRules.ValidateUpdate(node, old, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject node, JsonObject? old) => NodeRules.Warnings(node);
}
