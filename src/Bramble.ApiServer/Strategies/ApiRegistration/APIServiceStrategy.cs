using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to APIServices: one without a service is served here and available at once.</summary>
internal sealed class APIServiceStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override bool AllowsPlainFinalizers => true;
    public override bool HasStatus => true;
    public override bool AllowsUnconditionalUpdate => false;

    public override void Default(JsonObject service) => service.Object("spec").Object("service")?.DefaultTo("port", 443);

    protected override JsonObject NewStatus(JsonObject service, StrategyContext context)
    {
        var status = new JsonObject();
        if (service.Object("spec").Has("service")) return status;
        status["conditions"] = new JsonArray(new JsonObject
        {
            ["type"] = "Available",
            ["status"] = "True",
            ["lastTransitionTime"] = KubernetesTime.Write(context.Now),
            ["reason"] = "Local",
            ["message"] = "Local APIServices are always available",
        });
        return status;
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject service, JsonObject old, StrategyContext context)
    {
        base.PrepareForSubresourceUpdate(subresource, service, old, context);
        var (metadata, before) = (service.Child("metadata"), old.Object("metadata") ?? []);
        foreach (var name in (ReadOnlySpan<string>)["labels", "annotations", "finalizers", "ownerReferences"]) metadata.KeepFrom(before, name);
    }

    public override void Validate(JsonObject service, FieldErrors errors, StrategyContext context) => ApiServiceRules.Validate(service, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject service, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") ApiServiceRules.ValidateStatus(service, errors);
    }

    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.PathSegment(name, isPrefix);
}
