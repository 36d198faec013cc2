using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to StatefulSets.</summary>
internal sealed class StatefulSetStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject set)
    {
        var spec = set.Child("spec");
        spec.DefaultText("podManagementPolicy", "OrderedReady");
        var update = spec.Child("updateStrategy");
        if (update.Text("type").Length == 0)
        {
            update["type"] = "RollingUpdate";
            update.Child("rollingUpdate");
        }

        if (update.Text("type") == "RollingUpdate") update.Object("rollingUpdate")?.DefaultTo("partition", 0);
        var retention = spec.Child("persistentVolumeClaimRetentionPolicy");
        retention.DefaultText("whenDeleted", "Retain");
        retention.DefaultText("whenScaled", "Retain");
        spec.DefaultTo("replicas", 1);
        spec.DefaultTo("revisionHistoryLimit", 10);
        PodDefaults.ApplyToTemplate(spec.Child("template"));
        foreach (var (_, claim) in spec.Items("volumeClaimTemplates"))
        {
            ClaimDefaults.ApplyToSpec(claim.Child("spec"));
            claim.Child("status").DefaultText("phase", "Pending");
            claim.DefaultTo("apiVersion", "v1");
            claim.DefaultTo("kind", "PersistentVolumeClaim");
        }
    }

    protected override JsonObject NewStatus(JsonObject set, StrategyContext context) => new() { ["replicas"] = 0, ["availableReplicas"] = 0 };
}
