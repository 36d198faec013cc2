using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ResourceQuotas.</summary>
internal sealed class ResourceQuotaStrategy : KindStrategy
{
    public override bool HasStatus => true;

    public override void Validate(JsonObject quota, FieldErrors errors, StrategyContext context) => ResourceQuotaRules.Validate(quota, errors);

    public override void ValidateUpdate(JsonObject quota, JsonObject old, FieldErrors errors, StrategyContext context) =>
        ResourceQuotaRules.ValidateUpdate(quota, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject quota, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") ResourceQuotaRules.ValidateStatus(quota, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject quota, JsonObject? old) => old is null ? ResourceQuotaRules.Warnings(quota) : [];
}
