using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Deployments. Behaviour of pkg/registry/apps/deployment.</summary>
internal sealed class DeploymentStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject deployment)
    {
        var spec = deployment.Child("spec");
        spec.DefaultTo("replicas", 1);
        var strategy = spec.Child("strategy");
        strategy.DefaultText("type", "RollingUpdate");
        if (strategy.Text("type") == "RollingUpdate")
        {
            var rolling = strategy.Child("rollingUpdate");
            rolling.DefaultTo("maxUnavailable", "25%");
            rolling.DefaultTo("maxSurge", "25%");
        }

        spec.DefaultTo("revisionHistoryLimit", 10);
        spec.DefaultTo("progressDeadlineSeconds", 600);
        PodDefaults.ApplyToTemplate(spec.Child("template"));
    }

    public override void PrepareForUpdate(JsonObject deployment, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(deployment, old, context);
        // Annotations count too: the controller copies them to the ReplicaSets.
        if (deployment.Differs(old, "metadata", "annotations")) deployment.BumpGeneration(old);
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject deployment, JsonObject old, StrategyContext context)
    {
        base.PrepareForSubresourceUpdate(subresource, deployment, old, context);
        if (subresource == "status") deployment.Child("metadata").KeepFrom(old.Object("metadata") ?? [], "labels");
    }

    public override void Validate(JsonObject deployment, FieldErrors errors, StrategyContext context) => DeploymentRules.Validate(deployment, errors);

    public override void ValidateUpdate(JsonObject deployment, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        DeploymentRules.Validate(deployment, errors);
        WorkloadRules.SelectorIsImmutable(deployment, old, errors);
    }

    public override void ValidateSubresourceUpdate(string subresource, JsonObject deployment, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") DeploymentRules.ValidateStatus(deployment, old, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject deployment, JsonObject? old) => PodWarnings.OfController(deployment, old);
}
