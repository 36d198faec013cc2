using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>What a Job asks of its Pods, and how it makes them.</summary>
internal static class JobPods
{
    /// <summary>Keeps a finished Pod until the Job has counted it. KEP-2307.</summary>
    public const string TrackingFinalizer = "batch.kubernetes.io/job-tracking";
    private const string IndexKey = "batch.kubernetes.io/job-completion-index";
    private const string IndexFailures = "batch.kubernetes.io/job-index-failure-count";
    private const string IndexIgnoredFailures = "batch.kubernetes.io/job-index-ignored-failure-count";
    private const string IndexVariable = "JOB_COMPLETION_INDEX";
    private const int GeneratedNameMax = 58;

    public static bool IsIndexed(this V1Job job) => job.Spec.CompletionMode == "Indexed";

    /// <summary>A successor comes only when its predecessor has ended, not as soon as it is told to.</summary>
    public static bool ReplacesOnlyFailed(this V1Job job) => job.Spec.PodReplacementPolicy == "Failed" || job.Spec.PodFailurePolicy is not null;

    public static bool IsTracked(this V1Pod pod) => pod.Metadata.Finalizers?.Contains(TrackingFinalizer) == true;

    /// <summary>Told to go, and not ended yet.</summary>
    public static bool IsTerminating(this V1Pod pod) => pod.IsBeingDeleted() && !pod.IsFinished();

    public static bool HasFailedFor(this V1Pod pod, V1Job job) =>
        pod.Status?.Phase == "Failed" || (!job.ReplacesOnlyFailed() && pod.IsBeingDeleted() && pod.Status?.Phase != "Succeeded");

    /// <summary>Null: it has none, or one that is none.</summary>
    public static int? IndexOf(this V1Pod pod) => Number(pod, IndexKey) is { } index ? index : null;

    public static int FailuresOfIndex(this V1Pod pod) => Number(pod, IndexFailures) ?? 0;

    /// <summary>With those that the failure policy ignores: they count for the back-off, not for the limit.</summary>
    public static int AllFailuresOfIndex(this V1Pod pod) => pod.FailuresOfIndex() + (Number(pod, IndexIgnoredFailures) ?? 0);

    /// <param name="replaced">The failed Pod of the same index whose counts its successor carries on.</param>
    public static JsonObject Make(V1Job job, JsonObject tree, Owner owner, int? index, V1Pod? replaced)
    {
        var generateName = job.Metadata.Name + "-";
        if (index is { } named)
        {
            var suffix = $"-{named}-";
            generateName = job.Metadata.Name + suffix;
            if (generateName.Length > GeneratedNameMax) generateName = generateName[..(GeneratedNameMax - suffix.Length)] + suffix;
        }
        var pod = PodFromTemplate.Make(tree["spec"]!["template"]!.AsObject(), owner, generateName);
        var metadata = pod["metadata"]!.AsObject();
        if (metadata["finalizers"] is not JsonArray finalizers) metadata["finalizers"] = finalizers = [];
        if (!finalizers.Any(f => (string?)f == TrackingFinalizer)) finalizers.Add((JsonNode)TrackingFinalizer);
        if (index is not { } number) return pod;

        var text = number.ToString(CultureInfo.InvariantCulture);
        if (metadata["annotations"] is not JsonObject annotations) metadata["annotations"] = annotations = [];
        if (metadata["labels"] is not JsonObject labels) metadata["labels"] = labels = [];
        annotations[IndexKey] = text;
        labels[IndexKey] = text;
        if (job.Spec.BackoffLimitPerIndex is not null) CarryFailures(job, annotations, replaced);
        var spec = pod["spec"]!.AsObject();
        spec["hostname"] = $"{job.Metadata.Name}-{text}";
        foreach (var list in (string[])["initContainers", "containers"])
            foreach (var container in (spec[list] as JsonArray ?? []).OfType<JsonObject>()) AddIndexVariable(container);
        return pod;
    }

    private static void CarryFailures(V1Job job, JsonObject annotations, V1Pod? replaced)
    {
        int failures = 0, ignored = 0;
        if (replaced is not null)
        {
            failures = replaced.FailuresOfIndex();
            ignored = Number(replaced, IndexIgnoredFailures) ?? 0;
            if (PodFailurePolicy.Decide(job.Spec.PodFailurePolicy, replaced).IsCounted) failures++;
            else ignored++;
        }
        annotations[IndexFailures] = failures.ToString(CultureInfo.InvariantCulture);
        if (ignored > 0) annotations[IndexIgnoredFailures] = ignored.ToString(CultureInfo.InvariantCulture);
    }

    private static void AddIndexVariable(JsonObject container)
    {
        if (container["env"] is not JsonArray env) container["env"] = env = [];
        if (env.OfType<JsonObject>().Any(e => (string?)e["name"] == IndexVariable)) return;
        env.Add((JsonNode)new JsonObject
        {
            ["name"] = IndexVariable,
            ["valueFrom"] = new JsonObject { ["fieldRef"] = new JsonObject { ["fieldPath"] = $"metadata.labels['{IndexKey}']" } },
        });
    }

    private static int? Number(V1Pod pod, string annotation) =>
        pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(annotation, out var text)
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
