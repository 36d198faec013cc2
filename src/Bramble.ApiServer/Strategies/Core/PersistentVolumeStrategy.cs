using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to PersistentVolumes: Pending at first, and when the phase last changed.</summary>
internal sealed class PersistentVolumeStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate { get; } = [MetadataPass.Whole, MetadataPass.Whole];
    public override bool HasStatus => true;

    public override void Default(JsonObject volume)
    {
        var spec = volume.Child("spec");
        spec.DefaultText("persistentVolumeReclaimPolicy", "Retain");
        spec.DefaultTo("volumeMode", "Filesystem");
        VolumeDefaults.ApplyToSource(spec);
        volume.Child("status").DefaultText("phase", "Pending");
    }

    protected override JsonObject NewStatus(JsonObject volume, StrategyContext context) =>
        new() { ["phase"] = "Pending", ["lastPhaseTransitionTime"] = KubernetesTime.Write(context.Now) };

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject volume, JsonObject old, StrategyContext context)
    {
        base.PrepareForSubresourceUpdate(subresource, volume, old, context);
        if (subresource != "status") return;
        var (status, before) = (volume.Child("status"), old.Object("status") ?? []);
        var isSamePhase = !status.Differs(before, "phase");
        if (isSamePhase && !status.Has("lastPhaseTransitionTime")) status.KeepFrom(before, "lastPhaseTransitionTime");
        else if (!isSamePhase && (!status.Has("lastPhaseTransitionTime") || !status.Differs(before, "lastPhaseTransitionTime")))
            status["lastPhaseTransitionTime"] = KubernetesTime.Write(context.Now);
    }

    public override void Validate(JsonObject volume, FieldErrors errors, StrategyContext context) => PersistentVolumeRules.Validate(volume, errors);

    public override void ValidateUpdate(JsonObject volume, JsonObject old, FieldErrors errors, StrategyContext context) =>
        PersistentVolumeRules.ValidateUpdate(volume, old, errors);

    public override IEnumerable<string> Warnings(JsonObject volume, JsonObject? old) => PersistentVolumeWarnings.Of(volume);
}
