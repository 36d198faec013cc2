using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Jobs: selector and labels are generated from the uid. Behaviour of pkg/registry/batch/job.</summary>
internal sealed class JobStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;
    public override string DefaultPropagation => "Orphan";

    public override void Default(JsonObject job)
    {
        var spec = job.Child("spec");
        JobDefaults.ApplyTemplateToSpec(spec);
        JobDefaults.ApplyToSpec(spec);
        if (spec.Object("template").Labels() is { Count: > 0 } labels && job.Object("metadata").Count("labels") == 0) job.Child("metadata")["labels"] = labels.DeepClone();
    }

    protected override JsonObject NewStatus(JsonObject job, StrategyContext context) => [];

    public override void PrepareForCreate(JsonObject job, StrategyContext context)
    {
        if (!job.Object("spec").Bool("manualSelector")) GenerateSelector(job);
        base.PrepareForCreate(job, context);
    }

    private static void GenerateSelector(JsonObject job)
    {
        var (spec, name, uid) = (job.Child("spec"), job.ObjectName(), job.Text("metadata", "uid"));
        var labels = spec.Child("template").Child("metadata").Child("labels");
        labels.DefaultTo("job-name", name);
        labels.DefaultTo("batch.kubernetes.io/job-name", name);
        labels.DefaultTo("controller-uid", uid);
        labels.DefaultTo("batch.kubernetes.io/controller-uid", uid);
        spec.Child("selector").Child("matchLabels").DefaultTo("batch.kubernetes.io/controller-uid", uid);
    }

    public override IReadOnlyList<string> SelectableFields { get; } = ["status.successful"];

    public override string? FieldValue(JsonObject job, string fieldPath) =>
        fieldPath == "status.successful" ? job.Object("status").Long("succeeded").ToString(CultureInfo.InvariantCulture) : null;

    public override string? UnknownFieldMessage(string fieldPath) => $"field label \"{fieldPath}\" not supported for Job";

    public override void Validate(JsonObject job, FieldErrors errors, StrategyContext context) => JobRules.Validate(job, errors);

    public override void ValidateUpdate(JsonObject job, JsonObject old, FieldErrors errors, StrategyContext context) =>
        JobUpdateRules.Validate(job, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject job, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") JobStatusRules.ValidateUpdate(job, old, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject job, JsonObject? old)
    {
        if (old is null)
            foreach (var warning in PodWarnings.OfOwnerName(job)) yield return warning;
        if (old is not null && job.Generation() == old.Generation()) yield break;
        foreach (var warning in JobRules.Warnings(job.Object("spec") ?? [], FieldPath.Spec)) yield return warning;
    }
}
