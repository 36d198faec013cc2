using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Ingresses.</summary>
internal sealed class IngressStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    protected override JsonObject NewStatus(JsonObject ingress, StrategyContext context) => new() { ["loadBalancer"] = new JsonObject() };

    public override IEnumerable<string> Warnings(JsonObject ingress, JsonObject? old)
    {
        if (old is null && ingress.Annotations().Has("kubernetes.io/ingress.class") && !ingress.Object("spec").Has("ingressClassName"))
            yield return "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead";
    }

    public override void Validate(JsonObject ingress, FieldErrors errors, StrategyContext context) => IngressRules.Validate(ingress, null, errors);

    public override void ValidateUpdate(JsonObject ingress, JsonObject old, FieldErrors errors, StrategyContext context) =>
        IngressRules.Validate(ingress, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject ingress, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") IngressRules.ValidateStatus(ingress, old, errors);
    }

    public override IEnumerable<string> SubresourceWarnings(string subresource, JsonObject ingress, JsonObject old) =>
        subresource == "status" ? LoadBalancerStatusRules.Warnings(ingress) : [];
}
