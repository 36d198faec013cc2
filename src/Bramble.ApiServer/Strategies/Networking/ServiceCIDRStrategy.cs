using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ServiceCIDRs.</summary>
internal sealed class ServiceCIDRStrategy : KindStrategy
{
    public override bool HasStatus => true;
    protected override bool StatusWriteKeepsMeta => true;

    public override void Validate(JsonObject range, FieldErrors errors, StrategyContext context) => AddressRules.ValidateCidrs(range, errors);

    public override void ValidateUpdate(JsonObject range, JsonObject old, FieldErrors errors, StrategyContext context) =>
        AddressRules.ValidateCidrsUpdate(range, old, errors);
}
