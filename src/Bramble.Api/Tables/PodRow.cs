using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>A Pod's row; its Status column is what users read first (behaviour of printers/internalversion printPod).</summary>
internal static class PodRow
{
    public static JsonArray Cells(JsonObject pod, DateTimeOffset now)
    {
        var summary = Summarize(pod);
        var restarts = summary.Restarts != 0 && summary.LastRestart is { } last
            ? $"{summary.Restarts} ({HumanDuration.Format(now - last)} ago)"
            : $"{summary.Restarts}";
        return new JsonArray(
            pod.Name(),
            $"{summary.Ready}/{summary.Total}",
            summary.Status,
            restarts,
            pod.Age(now),
            pod.Items("status", "podIPs") is [var first, ..] ? first.Text("ip").OrNone() : "<none>",
            pod.Text("spec", "nodeName").OrNone(),
            pod.Text("status", "nominatedNodeName").OrNone(),
            ReadinessGates(pod));
    }

    public static JsonArray? Conditions(JsonObject pod) => pod.Text("status", "phase") switch
    {
        "Succeeded" => Completed("Succeeded", "The pod has completed successfully."),
        "Failed" => Completed("Failed", "The pod failed."),
        _ => null,
    };

    private static JsonArray Completed(string reason, string message) =>
        new(new JsonObject { ["type"] = "Completed", ["status"] = "True", ["reason"] = reason, ["message"] = message });

    private sealed class Summary
    {
        public int Ready;
        public int Total;
        public long Restarts;
        public string Status = "";
        public DateTimeOffset? LastRestart;

        public void Count(JsonObject container)
        {
            Restarts += container.Number("restartCount");
            if (container.Time("lastState", "terminated", "finishedAt") is { } finished && (LastRestart is null || finished > LastRestart)) LastRestart = finished;
        }
    }

    private static Summary Summarize(JsonObject pod)
    {
        var phase = pod.Text("status", "phase");
        var reason = pod.Text("status", "reason");
        var isGated = pod.Items("status", "conditions").Any(c => c.Text("type") == "PodScheduled" && c.Text("reason") == "SchedulingGated");
        var sidecars = pod.Items("spec", "initContainers").Where(c => c.Text("restartPolicy") == "Always").Select(c => c.Text("name")).ToHashSet();
        var summary = new Summary
        {
            Status = isGated ? "SchedulingGated" : reason.Length > 0 ? reason : phase,
            Total = pod.Count("spec", "containers") + sidecars.Count,
        };
        // Once the app containers run, only the restarts of sidecars and of app containers count.
        var sidecarRestarts = new Summary();
        var isInitializing = Initialize(pod, sidecars, summary, sidecarRestarts);
        if (!isInitializing || pod.IsTrue("Initialized"))
        {
            (summary.Restarts, summary.LastRestart) = (sidecarRestarts.Restarts, sidecarRestarts.LastRestart);
            Run(pod, summary);
        }
        if (pod.IsBeingDeleted())
            summary.Status = reason == "NodeLost" ? "Unknown" : phase is "Failed" or "Succeeded" ? summary.Status : "Terminating";
        return summary;
    }

    /// <summary>True: an init container has not done its work yet, and the status says which.</summary>
    private static bool Initialize(JsonObject pod, HashSet<string> sidecars, Summary summary, Summary sidecarRestarts)
    {
        var containers = pod.Items("status", "initContainerStatuses");
        for (var i = 0; i < containers.Count; i++)
        {
            var container = containers[i];
            var isSidecar = sidecars.Contains(container.Text("name"));
            summary.Count(container);
            if (isSidecar) sidecarRestarts.Count(container);
            var terminated = container.At("state", "terminated");
            var waiting = container.Text("state", "waiting", "reason");
            if (terminated is not null && terminated.Number("exitCode") == 0) continue;
            if (isSidecar && container.Flag("started"))
            {
                if (container.Flag("ready")) summary.Ready++;
                continue;
            }
            summary.Status = "Init:" + (terminated is not null ? Ending(terminated)
                : waiting is not ("" or "PodInitializing") ? waiting
                : $"{i}/{pod.Count("spec", "initContainers")}");
            return true;
        }
        return false;
    }

    private static void Run(JsonObject pod, Summary summary)
    {
        var containers = pod.Items("status", "containerStatuses");
        var hasRunning = false;
        var error = "";
        for (var i = containers.Count - 1; i >= 0; i--)
        {
            var container = containers[i];
            summary.Count(container);
            var terminated = container.At("state", "terminated");
            if (container.Text("state", "waiting", "reason") is { Length: > 0 } waiting)
                summary.Status = waiting;
            else if (terminated is not null)
            {
                summary.Status = Ending(terminated);
                if (terminated.Number("exitCode") != 0) error = summary.Status;
            }
            else if (container.Flag("ready") && container.At("state", "running") is not null)
            {
                hasRunning = true;
                summary.Ready++;
            }
        }
        // One container has ended well: what the others do says more.
        if (summary.Status == "Completed")
            summary.Status = hasRunning && pod.IsTrue("Ready") ? "Running" : error.Length > 0 ? error : hasRunning ? "NotReady" : "Completed";
    }

    private static string Ending(JsonNode terminated) =>
        terminated.Text("reason") is { Length: > 0 } reason ? reason
        : terminated.Number("signal") != 0 ? $"Signal:{terminated.Number("signal")}"
        : $"ExitCode:{terminated.Number("exitCode")}";

    private static string ReadinessGates(JsonObject pod)
    {
        var gates = pod.Items("spec", "readinessGates");
        return gates.Count == 0 ? "<none>" : $"{gates.Count(g => pod.IsTrue(g.Text("conditionType")))}/{gates.Count}";
    }
}
