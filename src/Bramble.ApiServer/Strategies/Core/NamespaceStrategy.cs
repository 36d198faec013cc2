using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Namespaces: the kubernetes finalizer, the name label, deletion in two steps. Behaviour of pkg/registry/core/namespace.</summary>
internal sealed class NamespaceStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool HasStatus => true;

    public override void Default(JsonObject ns)
    {
        if (ns.ObjectName() is { Length: > 0 } name) ns.Child("metadata").Child("labels")["kubernetes.io/metadata.name"] = name;
        ns.Child("status").DefaultText("phase", "Active");
    }

    protected override JsonObject NewStatus(JsonObject ns, StrategyContext context) => new() { ["phase"] = "Active" };

    public override void PrepareForCreate(JsonObject ns, StrategyContext context)
    {
        base.PrepareForCreate(ns, context);
        var spec = ns.Child("spec");
        if (spec.Array("finalizers") is not { } finalizers) spec["finalizers"] = finalizers = [];
        if (!spec.Texts("finalizers").Contains("kubernetes")) finalizers.Add((JsonNode)"kubernetes");
    }

    public override void PrepareForUpdate(JsonObject ns, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(ns, old, context);
        ns.Child("spec").KeepFrom(old.Object("spec") ?? [], "finalizers");
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject ns, JsonObject old, StrategyContext context)
    {
        if (subresource == "finalize") ns.KeepFrom(old, "status");
        else base.PrepareForSubresourceUpdate(subresource, ns, old, context);
    }

    public override bool MayBeRemovedWhenFinalized(JsonObject ns) => ns.Object("spec").Count("finalizers") == 0;

    public override void OnDeletionStarted(JsonObject ns, StrategyContext context) => ns.Child("status")["phase"] = "Terminating";

    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.DnsLabel(name, isPrefix);

    public override IReadOnlyList<string> SelectableFields { get; } = ["status.phase"];

    public override bool IsTextField(string fieldPath) => true;

    public override string? FieldValue(JsonObject ns, string fieldPath) => fieldPath == "status.phase" ? ns.Text("status", "phase") : null;

    public override void Validate(JsonObject ns, FieldErrors errors, StrategyContext context) => NamespaceRules.Validate(ns, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject ns, JsonObject old, FieldErrors errors, StrategyContext context) =>
        NamespaceRules.ValidateSubresource(subresource, ns, errors);
}
