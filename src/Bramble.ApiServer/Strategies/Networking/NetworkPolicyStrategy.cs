using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to NetworkPolicies.</summary>
internal sealed class NetworkPolicyStrategy : KindStrategy
{
    public override bool CountsGeneration => true;

    public override void Default(JsonObject policy)
    {
        var spec = policy.Child("spec");
        if (spec.Count("policyTypes") == 0)
            spec["policyTypes"] = spec.Count("egress") > 0 ? new JsonArray("Ingress", "Egress") : new JsonArray((JsonNode)"Ingress");
        foreach (var list in (ReadOnlySpan<string>)["ingress", "egress"])
            foreach (var (_, rule) in spec.Items(list))
                foreach (var (_, port) in rule.Items("ports")) port.DefaultTo("protocol", "TCP");
    }

    public override void Validate(JsonObject policy, FieldErrors errors, StrategyContext context) => NetworkPolicyRules.Validate(policy, null, errors);

    public override void ValidateUpdate(JsonObject policy, JsonObject old, FieldErrors errors, StrategyContext context) =>
        NetworkPolicyRules.Validate(policy, old, errors);

    public override IEnumerable<string> Warnings(JsonObject policy, JsonObject? old) => NetworkPolicyRules.Warnings(policy);
}
