using System.Text.Json.Nodes;
using Bramble.Api.Tables;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>How many of a controller's pods are in which phase.</summary>
internal sealed record PodCounts(int Running, int Waiting, int Succeeded, int Failed)
{
    public static PodCounts Of(IEnumerable<JsonObject> pods, string uid)
    {
        var phases = pods.Where(pod => (pod["metadata"]?["ownerReferences"] as JsonArray ?? []).Any(o => (bool?)o?["controller"] == true && (string?)o["uid"] == uid)).CountBy(pod => (string?)pod["status"]?["phase"] ?? "").ToDictionary();
        int Count(string phase) => phases.GetValueOrDefault(phase);
        return new(Count("Running"), Count("Pending"), Count("Succeeded"), Count("Failed"));
    }

    public override string ToString() => $"{Running} Running / {Waiting} Waiting / {Succeeded} Succeeded / {Failed} Failed";
}

/// <summary>Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs, as kubectl describes them.</summary>
internal static class WorkloadDescription
{
    public static void Deployment(TabbedText text, JsonObject deployment, IReadOnlyList<JsonObject> replicaSets)
    {
        var spec = deployment["spec"]!;
        var status = deployment["status"] as JsonObject ?? [];
        FieldDescription.Name(text, deployment);
        FieldDescription.Created(text, deployment);
        FieldDescription.LabelsAndAnnotations(text, deployment);
        text.Line(0, $"Selector:\t{FieldDescription.Selector(spec["selector"])}");
        text.Line(0, $"Replicas:\t{(long?)spec["replicas"] ?? 1} desired | {(long?)status["updatedReplicas"] ?? 0} updated | {(long?)status["replicas"] ?? 0} total | "
            + $"{(long?)status["availableReplicas"] ?? 0} available | {(long?)status["unavailableReplicas"] ?? 0} unavailable");
        text.Line(0, $"StrategyType:\t{(string?)spec["strategy"]?["type"]}");
        text.Line(0, $"MinReadySeconds:\t{(long?)spec["minReadySeconds"] ?? 0}");
        if (spec["strategy"]?["rollingUpdate"] is { } rolling) text.Line(0, $"RollingUpdateStrategy:\t{rolling["maxUnavailable"]} max unavailable, {rolling["maxSurge"]} max surge");
        PodDescription.Template(text, spec["template"]);
        Conditions(text, status);
        var owned = replicaSets.Where(set => (set["metadata"]?["ownerReferences"] as JsonArray ?? []).Any(o => (string?)o?["uid"] == (string?)deployment["metadata"]?["uid"])).ToList();
        if (owned.Count == 0) return;
        var newest = owned.Where(set => SameTemplate(set["spec"]?["template"], spec["template"])).OrderBy(set => (string?)set["metadata"]?["creationTimestamp"], StringComparer.Ordinal).FirstOrDefault();
        string Shown(IEnumerable<JsonObject> sets) =>
            string.Join(", ", sets.Select(set => $"{(string?)set["metadata"]?["name"]} ({(long?)set["status"]?["replicas"] ?? 0}/{(long?)set["spec"]?["replicas"] ?? 1} replicas created)")) is { Length: > 0 } list ? list : "<none>";
        text.Line(0, $"OldReplicaSets:\t{Shown(owned.Where(set => set != newest))}");
        text.Line(0, $"NewReplicaSet:\t{Shown(newest is null ? [] : [newest])}");
    }

    public static void ReplicaSet(TabbedText text, JsonObject set, PodCounts pods)
    {
        var status = set["status"] as JsonObject ?? [];
        FieldDescription.Name(text, set);
        text.Line(0, $"Selector:\t{FieldDescription.Selector(set["spec"]?["selector"])}");
        FieldDescription.LabelsAndAnnotations(text, set);
        FieldDescription.Controller(text, set["metadata"]);
        text.Line(0, $"Replicas:\t{(long?)status["replicas"] ?? 0} current / {(long?)set["spec"]?["replicas"] ?? 1} desired");
        text.Line(0, $"Pods Status:\t{pods}");
        PodDescription.Template(text, set["spec"]?["template"]);
        Conditions(text, status);
    }

    public static void StatefulSet(TabbedText text, JsonObject set, PodCounts pods)
    {
        var spec = set["spec"]!;
        FieldDescription.Name(text, set);
        FieldDescription.Created(text, set);
        text.Line(0, $"Selector:\t{FieldDescription.Selector(spec["selector"])}");
        FieldDescription.LabelsAndAnnotations(text, set);
        text.Line(0, $"Replicas:\t{(long?)spec["replicas"] ?? 1} desired | {(long?)set["status"]?["replicas"] ?? 0} total");
        text.Line(0, $"Update Strategy:\t{(string?)spec["updateStrategy"]?["type"]}");
        if (spec["updateStrategy"]?["rollingUpdate"]?["partition"] is { } partition)
        {
            text.Line(1, $"Partition:\t{partition}");
            if (spec["updateStrategy"]!["rollingUpdate"]!["maxUnavailable"] is { } unavailable) text.Line(1, $"MaxUnavailable:\t{unavailable}");
        }
        text.Line(0, $"Pods Status:\t{pods}");
        PodDescription.Template(text, spec["template"]);
        var claims = spec["volumeClaimTemplates"] as JsonArray ?? [];
        text.Line(0, claims.Count > 0 ? "Volume Claims:" : "Volume Claims:\t<none>");
        foreach (var claim in claims)
        {
            text.Line(1, $"Name:\t{(string?)claim?["metadata"]?["name"]}");
            text.Line(1, $"StorageClass:\t{(string?)claim?["spec"]?["storageClassName"]}");
            FieldDescription.Map(text, 1, "Labels", claim?["metadata"]?["labels"]);
            FieldDescription.Map(text, 1, "Annotations", claim?["metadata"]?["annotations"]);
            text.Line(1, $"Capacity:\t{(string?)claim?["spec"]?["resources"]?["requests"]?["storage"] ?? "<default>"}");
            text.Line(1, $"Access Modes:\t[{string.Join(' ', (claim?["spec"]?["accessModes"] as JsonArray ?? []).Select(mode => mode?.ToString()))}]");
        }
    }

    public static void DaemonSet(TabbedText text, JsonObject set, PodCounts pods)
    {
        var spec = set["spec"]!;
        var status = set["status"] as JsonObject ?? [];
        FieldDescription.Name(text, set);
        text.Line(0, $"Selector:\t{FieldDescription.Selector(spec["selector"])}");
        text.Line(0, $"Node-Selector:\t{FieldDescription.Labels(spec["template"]?["spec"]?["nodeSelector"])}");
        FieldDescription.LabelsAndAnnotations(text, set);
        text.Line(0, $"Desired Number of Nodes Scheduled: {(long?)status["desiredNumberScheduled"] ?? 0}");
        text.Line(0, $"Current Number of Nodes Scheduled: {(long?)status["currentNumberScheduled"] ?? 0}");
        text.Line(0, $"Number of Nodes Scheduled with Up-to-date Pods: {(long?)status["updatedNumberScheduled"] ?? 0}");
        text.Line(0, $"Number of Nodes Scheduled with Available Pods: {(long?)status["numberAvailable"] ?? 0}");
        text.Line(0, $"Number of Nodes Misscheduled: {(long?)status["numberMisscheduled"] ?? 0}");
        text.Line(0, $"Pods Status:\t{pods}");
        PodDescription.Template(text, spec["template"]);
    }

    public static void Job(TabbedText text, JsonObject job)
    {
        var spec = job["spec"]!;
        var status = job["status"] as JsonObject ?? [];
        FieldDescription.Name(text, job);
        text.Line(0, $"Selector:\t{FieldDescription.Selector(spec["selector"])}");
        FieldDescription.LabelsAndAnnotations(text, job);
        FieldDescription.Controller(text, job["metadata"]);
        if (spec["parallelism"] is { } parallelism) text.Line(0, $"Parallelism:\t{parallelism}");
        text.Line(0, $"Completions:\t{spec["completions"]?.ToString() ?? "<unset>"}");
        if (spec["completionMode"] is { } mode) text.Line(0, $"Completion Mode:\t{mode}");
        if (spec["suspend"] is { } suspend) text.Line(0, $"Suspend:\t{FieldDescription.Lower((bool?)suspend)}");
        if (spec["backoffLimit"] is { } limit) text.Line(0, $"Backoff Limit:\t{limit}");
        if (spec["ttlSecondsAfterFinished"] is { } ttl) text.Line(0, $"TTL Seconds After Finished:\t{ttl}");
        var (start, completion) = ((string?)status["startTime"], (string?)status["completionTime"]);
        if (start is not null) text.Line(0, $"Start Time:\t{FieldDescription.Time(start)}");
        if (completion is not null) text.Line(0, $"Completed At:\t{FieldDescription.Time(completion)}");
        if (start is not null && completion is not null) text.Line(0, $"Duration:\t{HumanDuration.Format(FieldDescription.Parse(completion) - FieldDescription.Parse(start))}");
        if (spec["activeDeadlineSeconds"] is { } deadline) text.Line(0, $"Active Deadline Seconds:\t{deadline}s");
        text.Line(0, $"Pods Statuses:\t{(long?)status["active"] ?? 0} Active{(status["ready"] is { } ready ? $" ({ready} Ready)" : "")} / {(long?)status["succeeded"] ?? 0} Succeeded / {(long?)status["failed"] ?? 0} Failed");
        if ((string?)spec["completionMode"] == "Indexed") text.Line(0, $"Completed Indexes:\t{CappedIndexes((string?)status["completedIndexes"] ?? "")}");
        PodDescription.Template(text, spec["template"]);
    }

    public static void CronJob(TabbedText text, JsonObject cron)
    {
        var spec = cron["spec"]!;
        var jobSpec = spec["jobTemplate"]?["spec"];
        FieldDescription.Name(text, cron);
        FieldDescription.LabelsAndAnnotations(text, cron);
        text.Line(0, $"Schedule:\t{(string?)spec["schedule"]}");
        text.Line(0, $"Concurrency Policy:\t{(string?)spec["concurrencyPolicy"]}");
        text.Line(0, $"Suspend:\t{((bool?)spec["suspend"] == true ? "True" : "False")}");
        text.Line(0, $"Time Zone:\t{(string?)spec["timeZone"] ?? "<unset>"}");
        text.Line(0, $"Successful Job History Limit:\t{spec["successfulJobsHistoryLimit"]?.ToString() ?? "<unset>"}");
        text.Line(0, $"Failed Job History Limit:\t{spec["failedJobsHistoryLimit"]?.ToString() ?? "<unset>"}");
        text.Line(0, $"Starting Deadline Seconds:\t{(spec["startingDeadlineSeconds"] is { } starting ? $"{starting}s" : "<unset>")}");
        text.Line(0, $"Selector:\t{(jobSpec?["selector"] is { } selector ? FieldDescription.Selector(selector) : "<unset>")}");
        text.Line(0, $"Parallelism:\t{jobSpec?["parallelism"]?.ToString() ?? "<unset>"}");
        text.Line(0, $"Completions:\t{jobSpec?["completions"]?.ToString() ?? "<unset>"}");
        if (jobSpec?["activeDeadlineSeconds"] is { } deadline) text.Line(0, $"Active Deadline Seconds:\t{deadline}s");
        PodDescription.Template(text, jobSpec?["template"]);
        text.Line(0, $"Last Schedule Time:\t{((string?)cron["status"]?["lastScheduleTime"] is { } last ? FieldDescription.Time(last) : "<unset>")}");
        text.Line(0, $"Active Jobs:\t{(cron["status"]?["active"] is JsonArray { Count: > 0 } active ? string.Join(", ", active.Select(job => (string?)job?["name"])) : "<none>")}");
    }

    /// <summary>About the first 50 characters of the list, to the next comma.</summary>
    private static string CappedIndexes(string indexes)
    {
        if (indexes.Length == 0) return "<none>";
        var comma = indexes.Length > 50 ? indexes.IndexOf(',', 50) : -1;
        return comma < 0 ? indexes : $"{indexes[..(comma + 1)]}...";
    }

    /// <summary>Equal but for the label by which the Deployment tells its ReplicaSets apart.</summary>
    private static bool SameTemplate(JsonNode? a, JsonNode? b)
    {
        static JsonNode? Plain(JsonNode? template)
        {
            var copy = template?.DeepClone();
            (copy?["metadata"]?["labels"] as JsonObject)?.Remove("pod-template-hash");
            return copy;
        }
        return JsonNode.DeepEquals(Plain(a), Plain(b));
    }

    private static void Conditions(TabbedText text, JsonObject status)
    {
        if (status["conditions"] is not JsonArray { Count: > 0 } conditions) return;
        text.Line(0, "Conditions:");
        text.Line(1, "Type\tStatus\tReason");
        text.Line(1, "----\t------\t------");
        foreach (var condition in conditions) text.Line(1, $"{(string?)condition?["type"]} \t{(string?)condition?["status"]}\t{(string?)condition?["reason"]}");
    }
}
