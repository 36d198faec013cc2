using System.Text.Json.Nodes;
using Bramble.Api.Errors;

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

    public override void PrepareForCreate(JsonObject set, StrategyContext context)
    {
        base.PrepareForCreate(set, context);
        DropMaxUnavailable(set, null);
    }

    public override void PrepareForUpdate(JsonObject set, JsonObject old, StrategyContext context)
    {
        DropMaxUnavailable(set, old);
        base.PrepareForUpdate(set, old, context);
    }

    /// <summary>Of a feature that is off (MaxUnavailableStatefulSet): only what has it keeps it.</summary>
    private static void DropMaxUnavailable(JsonObject set, JsonObject? old)
    {
        if (!RollingUpdate(old).Has("maxUnavailable")) RollingUpdate(set)?.Remove("maxUnavailable");
    }

    private static JsonObject? RollingUpdate(JsonObject? set) => set.Object("spec").Object("updateStrategy").Object("rollingUpdate");

    protected override JsonObject NewStatus(JsonObject set, StrategyContext context) => new() { ["replicas"] = 0, ["availableReplicas"] = 0 };

    public override void Validate(JsonObject set, FieldErrors errors, StrategyContext context) => StatefulSetRules.Validate(set, errors);

    public override void ValidateUpdate(JsonObject set, JsonObject old, FieldErrors errors, StrategyContext context) =>
        StatefulSetRules.ValidateUpdate(set, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject set, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") StatefulSetRules.ValidateStatus(set, old, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject set, JsonObject? old)
    {
        var (spec, warnings) = (set.Object("spec") ?? [], new List<string>());
        if (old is null || set.Generation() != old.Generation()) warnings.AddRange(PodWarnings.Of(spec.Object("template"), FieldPath.Spec.Child("template")));
        foreach (var (index, claim) in spec.Items("volumeClaimTemplates"))
        {
            var path = FieldPath.Spec.Child("volumeClaimTemplates").Index(index);
            // "Spec" with a capital, and on updates only, is upstream's.
            StorageWarnings.OfClaim(claim.Object("spec") ?? [], old is null ? path : path.Child("Spec"), warnings);
        }

        if (spec.Long("revisionHistoryLimit") < 0) warnings.Add("spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended");
        return warnings;
    }

    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.DnsLabel(name, isPrefix);
}
