using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>Rows of what makes pods.</summary>
internal static class WorkloadRows
{
    public static JsonArray PodTemplate(JsonObject o, DateTimeOffset now)
    {
        var (names, images) = o["template"].Containers();
        return new JsonArray(o.Name(), names, images, o.Labels("template", "metadata", "labels"));
    }

    public static JsonArray ReplicationController(JsonObject o, DateTimeOffset now)
    {
        var (names, images) = o.At("spec", "template").Containers();
        return new JsonArray(
            o.Name(), o.Number("spec", "replicas"), o.Number("status", "replicas"), o.Number("status", "readyReplicas"), o.Age(now), names, images, o.Labels("spec", "selector"));
    }

    public static JsonArray ReplicaSet(JsonObject o, DateTimeOffset now)
    {
        var (names, images) = o.At("spec", "template").Containers();
        return new JsonArray(
            o.Name(), o.Number("spec", "replicas"), o.Number("status", "replicas"), o.Number("status", "readyReplicas"), o.Age(now), names, images, o.Selector("spec", "selector"));
    }

    public static JsonArray DaemonSet(JsonObject o, DateTimeOffset now)
    {
        var (names, images) = o.At("spec", "template").Containers();
        return new JsonArray(
            o.Name(),
            o.Number("status", "desiredNumberScheduled"),
            o.Number("status", "currentNumberScheduled"),
            o.Number("status", "numberReady"),
            o.Number("status", "updatedNumberScheduled"),
            o.Number("status", "numberAvailable"),
            o.Labels("spec", "template", "spec", "nodeSelector"),
            o.Age(now), names, images, o.Selector("spec", "selector"));
    }

    public static JsonArray Deployment(JsonObject o, DateTimeOffset now)
    {
        var (names, images) = o.At("spec", "template").Containers();
        // Here an empty selector is an empty cell, everywhere else it is <none>.
        var selector = o.Selector("spec", "selector") switch { "<none>" => "", "<error>" => "<invalid>", var text => text };
        return new JsonArray(
            o.Name(), $"{o.Number("status", "readyReplicas")}/{o.Number("spec", "replicas")}", o.Number("status", "updatedReplicas"), o.Number("status", "availableReplicas"),
            o.Age(now), names, images, selector);
    }

    public static JsonArray StatefulSet(JsonObject o, DateTimeOffset now)
    {
        var (names, images) = o.At("spec", "template").Containers();
        return new JsonArray(o.Name(), $"{o.Number("status", "readyReplicas")}/{o.Number("spec", "replicas")}", o.Age(now), names, images);
    }

    public static JsonArray ControllerRevision(JsonObject o, DateTimeOffset now)
    {
        var controller = "<none>";
        if (o.Items("metadata", "ownerReferences").FirstOrDefault(r => r.Flag("controller")) is { } owner)
        {
            var slash = owner.Text("apiVersion").IndexOf('/');
            var group = slash < 0 ? "" : "." + owner.Text("apiVersion")[..slash];
            controller = $"{(owner.Text("kind") + group).ToLowerInvariant()}/{owner.Text("name")}";
        }
        return new JsonArray(o.Name(), controller, o.Number("revision"), o.Age(now));
    }

    public static JsonArray Job(JsonObject o, DateTimeOffset now)
    {
        var succeeded = o.Number("status", "succeeded");
        var parallelism = o.Number("spec", "parallelism");
        var completions = o.NumberOrNull("spec", "completions") is { } wanted ? $"{succeeded}/{wanted}" : parallelism > 1 ? $"{succeeded}/1 of {parallelism}" : $"{succeeded}/1";
        var duration = o.Time("status", "startTime") is { } start ? HumanDuration.Format((o.Time("status", "completionTime") ?? now) - start) : "";
        var (names, images) = o.At("spec", "template").Containers();
        return new JsonArray(o.Name(), JobStatus(o), completions, duration, o.Age(now), names, images, o.Selector("spec", "selector"));
    }

    public static JsonArray CronJob(JsonObject o, DateTimeOffset now)
    {
        var (names, images) = o.At("spec", "jobTemplate", "spec", "template").Containers();
        return new JsonArray(
            o.Name(),
            o.Text("spec", "schedule"),
            o.TextOr("<none>", "spec", "timeZone"),
            o.At("spec", "suspend") is null ? "<unset>" : o.Flag("spec", "suspend") ? "True" : "False",
            o.Count("status", "active"),
            o.At("status", "lastScheduleTime") is null ? "<none>" : o.Since(now, "status", "lastScheduleTime"),
            o.Age(now), names, images, o.Selector("spec", "jobTemplate", "spec", "selector"));
    }

    public static JsonArray PodDisruptionBudget(JsonObject o, DateTimeOffset now) => new(
        o.Name(), IntOrPercent(o.At("spec", "minAvailable")), IntOrPercent(o.At("spec", "maxUnavailable")), o.Number("status", "disruptionsAllowed"), o.Age(now));

    public static JsonArray Scale(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Number("spec", "replicas"), o.Number("status", "replicas"), o.Age(now));

    public static JsonArray PriorityClass(JsonObject o, DateTimeOffset now) => new(
        o.Name(), o.Number("value"), o.Flag("globalDefault"), o.Age(now), o.Text("preemptionPolicy"));

    private static string IntOrPercent(JsonNode? value) => value is null ? "N/A" : value.ToString();

    private static string JobStatus(JsonObject o) =>
        o.IsTrue("Complete") ? "Complete"
        : o.IsTrue("Failed") ? "Failed"
        : o.IsBeingDeleted() ? "Terminating"
        : o.IsTrue("Suspended") ? "Suspended"
        : o.IsTrue("FailureTarget") ? "FailureTarget"
        : o.IsTrue("SuccessCriteriaMet") ? "SuccessCriteriaMet"
        : "Running";
}
