using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Services. Behaviour of pkg/registry/core/service.</summary>
internal sealed class ServiceStrategy(ServiceFamilies families, ServiceAllocation allocation) : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override bool AllowsCreateOnUpdate => true;
    public override bool HasStatus => true;

    public override void Default(JsonObject service) => ServiceDefaults.Apply(service);

    protected override JsonObject NewStatus(JsonObject service, StrategyContext context) => new() { ["loadBalancer"] = new JsonObject() };

    public override void PrepareForCreate(JsonObject service, StrategyContext context)
    {
        base.PrepareForCreate(service, context);
        DropUnused(service);
    }

    public override void PrepareForUpdate(JsonObject service, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(service, old, context);
        ServiceTypeChange.DropFieldsOfOldType(service, old);
        DropUnused(service);
    }

    // Traffic policies mean nothing for an ExternalName.
    private static void DropUnused(JsonObject service)
    {
        if (service.Text("spec", "type") == "ExternalName") service.Child("spec").Remove("internalTrafficPolicy");
    }

    public override void Validate(JsonObject service, FieldErrors errors, StrategyContext context) => ServiceRules.Validate(service, null, errors);

    public override void ValidateUpdate(JsonObject service, JsonObject old, FieldErrors errors, StrategyContext context) =>
        ServiceRules.ValidateUpdate(service, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject service, JsonObject old, FieldErrors errors, StrategyContext context) =>
        LoadBalancerStatusRules.Validate(service, old, errors);

    public override IEnumerable<string> Warnings(JsonObject service, JsonObject? old) => ServiceRules.Warnings(service);

    public override IEnumerable<string> SubresourceWarnings(string subresource, JsonObject service, JsonObject old) =>
        subresource == "status" ? LoadBalancerStatusRules.Warnings(service) : [];

    public override void Complete(JsonObject service, JsonObject? old)
    {
        if (old is null) families.PrepareForCreate(service);
        else families.PrepareForUpdate(service, old);
    }

    public override ValueTask AllocateAsync(JsonObject service, JsonObject? old, StrategyContext context, CancellationToken cancel) =>
        allocation.AllocateAsync(service, old, context, cancel);

    public override ValueTask ReleaseAsync(JsonObject service, JsonObject? remaining, StrategyContext context, CancellationToken cancel) =>
        allocation.ReleaseAsync(service, remaining, context, cancel);

    // A service may be named as any DNS label (KEP-5311); names from before that are DNS-1035 labels, which are DNS labels too.
    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.DnsLabel(name, isPrefix);

    public override IReadOnlyList<string> SelectableFields { get; } = ["spec.type", "spec.clusterIP"];

    public override bool IsTextField(string fieldPath) => true;

    public override string? FieldValue(JsonObject service, string fieldPath) => fieldPath switch
    {
        "spec.type" => service.Text("spec", "type"),
        "spec.clusterIP" => service.Text("spec", "clusterIP"),
        _ => null,
    };
}
