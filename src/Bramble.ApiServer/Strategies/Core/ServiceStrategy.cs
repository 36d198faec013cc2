using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Services. Behaviour of pkg/registry/core/service.</summary>
internal sealed class ServiceStrategy : KindStrategy
{
    public override bool AllowsCreateOnUpdate => true;
    public override bool HasStatus => true;

    public override void Default(JsonObject service) => ServiceDefaults.Apply(service);

    protected override JsonObject NewStatus(JsonObject service, StrategyContext context) => new() { ["loadBalancer"] = new JsonObject() };

    public override void PrepareForUpdate(JsonObject service, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(service, old, context);
        ServiceTypeChange.DropFieldsOfOldType(service, old);
    }

    // A service may be named as any DNS label (KEP-5311); names from before that are DNS-1035 labels, which are DNS labels too.
    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.DnsLabel(name, isPrefix);

    public override IReadOnlyList<string> SelectableFields { get; } = ["spec.type", "spec.clusterIP"];

    public override string? FieldValue(JsonObject service, string fieldPath) => fieldPath switch
    {
        "spec.type" => service.Text("spec", "type"),
        "spec.clusterIP" => service.Text("spec", "clusterIP"),
        _ => null,
    };
}
