using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.Api.Selectors;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PodAutoscaling;

/// <summary>One metric of an autoscaler, now: what it proposes, how messages call it, and what the status shows of it.</summary>
internal sealed record MetricLook(int Replicas, string Description, JsonObject Status);

/// <summary>Why a metric proposes nothing.</summary>
/// <param name="Reason">Of the event and of the condition ScalingActive.</param>
/// <param name="Cause">Their message.</param>
/// <param name="Error">How the whole look reports it.</param>
internal sealed record MetricFailure(string Reason, string Cause, string Error);

/// <summary>Reads what one entry of <c>spec.metrics</c> names and lets the calculator decide.</summary>
internal sealed class MetricProposals(MetricsReader reader, ReplicaCalculator calculator, ScaleTargets kinds)
{
    /// <param name="wanted">Replicas that the target's spec says.</param>
    /// <param name="running">Replicas that its status says.</param>
    public async Task<(MetricLook? Look, MetricFailure? Failure)> LookAsync(
        JsonObject metric, NamespacedName name, int wanted, int running, LabelSelector selector, IReadOnlyList<V1Pod> pods, Tolerances tolerances, DateTimeOffset now, CancellationToken cancel)
    {
        var type = (string?)metric["type"] ?? "";
        var source = metric[type.Length > 0 ? char.ToLowerInvariant(type[0]) + type[1..] : type] as JsonObject ?? [];
        var target = source["target"] as JsonObject ?? [];
        var of = source["metric"] as JsonObject ?? [];
        var metricName = (string?)of["name"] ?? "";
        var resource = (string?)source["name"] ?? "";
        var container = (string?)source["container"] ?? "";
        var (reason, subject) = type switch
        {
            "Object" => ("FailedGetObjectMetric", "object metric value"),
            "Pods" => ("FailedGetPodsMetric", "pods metric value"),
            "Resource" => ("FailedGetResourceMetric", $"{resource} resource metric value"),
            "ContainerResource" => ("FailedGetContainerResourceMetric", $"{container} container metric value"),
            "External" => ("FailedGetExternalMetric", $"{metricName} external metric value"),
            _ => ("InvalidMetricSourceType", ""),
        };
        if (subject.Length == 0)
        {
            var unknown = $"unknown metric source type \"{type}\"";
            return (null, new MetricFailure(reason, unknown, unknown));
        }
        var metricSelector = of["selector"] as JsonObject;
        try
        {
            // Not validated by the API.
            if (type != "External" && metricSelector is not null) LabelSelector.FromObject(metricSelector);
            return (type switch
            {
                "Resource" or "ContainerResource" => await ResourceAsync(type, resource, container),
                "Pods" => await PodsAsync(),
                "Object" => await ObjectAsync(),
                _ => await ExternalAsync(),
            }, null);
        }
        catch (Refusal e)
        {
            return (null, new MetricFailure(reason, e.Cause, $"failed to get {subject}: {e.Message}"));
        }
        catch (FormatException e)
        {
            return (null, new MetricFailure(reason, e.Message, $"failed to get {subject}: {e.Message}"));
        }

        async Task<MetricLook> ResourceAsync(string kind, string what, string which)
        {
            var isOfContainer = kind == "ContainerResource";
            var average = Millis(target["averageValue"]);
            var percent = (int?)target["averageUtilization"];
            if (average is null && percent is null) throw Refusal.Same("invalid resource metric source: neither an average utilization target nor an average value (usage) target was set");
            try
            {
                var metrics = await Read($"resource {what}", () => reader.ResourceAsync(what, name.Namespace, selector.ToString(), which, cancel));
                var proposal = average is { } millis
                    ? calculator.ForAverage(wanted, millis, metrics, pods, what, tolerances, now)
                    : calculator.ForUtilization(wanted, percent!.Value, metrics, pods, what, which, tolerances, now);
                var current = new JsonObject();
                if (proposal.UtilizationPercent is { } used) current["averageUtilization"] = used;
                current["averageValue"] = Quantity.FromMillis(proposal.UsageMillis, what == "memory" ? QuantityFormat.BinarySI : QuantityFormat.DecimalSI).ToString();
                var status = new JsonObject { ["name"] = what };
                if (isOfContainer) status["container"] = which;
                status["current"] = current;
                var description = average is not null ? $"{what} resource" : $"{what} {(isOfContainer ? "container " : "")}resource utilization (percentage of request)";
                return Look(proposal, description, isOfContainer ? "containerResource" : "resource", status);
            }
            catch (MetricException e)
            {
                throw Refusal.Same($"failed to get {what} {(average is not null ? "usage" : "utilization")}: {e.Message}");
            }
        }

        async Task<MetricLook> PodsAsync()
        {
            try
            {
                var metrics = await Read($"metric {metricName}", () => reader.PodsAsync(metricName, name.Namespace, selector.ToString(), metricSelector, cancel), isMetric: true);
                var proposal = calculator.ForAverage(wanted, Millis(target["averageValue"]) ?? 0, metrics, pods, "", tolerances, now);
                return Look(proposal, $"pods metric {metricName}", "pods", Of("averageValue", proposal));
            }
            catch (MetricException e)
            {
                throw Refusal.Same(e.Message);
            }
        }

        async Task<MetricLook> ObjectAsync()
        {
            var described = source["describedObject"] as JsonObject ?? [];
            var kind = (string?)described["kind"] ?? "";
            var objectName = (string?)described["name"] ?? "";
            var (value, average) = Target();
            if (value is null && average is null) throw Refusal.Same("invalid object metric source: neither a value target nor an average value target was set");
            Proposal proposal;
            try
            {
                var usage = await reader.ObjectAsync(metricName, name.Namespace, Measured((string?)described["apiVersion"] ?? "", kind), objectName, metricSelector, cancel);
                proposal = value is { } whole ? ReplicaCalculator.ForValue(wanted, whole, usage, pods, tolerances) : ReplicaCalculator.ForValuePerPod(running, average!.Value, usage, tolerances);
            }
            catch (MetricException e)
            {
                var cause = e.Message.StartsWith("unable to calculate", StringComparison.Ordinal) ? e.Message : $"unable to get metric {metricName}: {kind} on {name.Namespace} {objectName}/{e.Message}";
                throw value is not null ? Refusal.Same(cause) : new Refusal(cause, $"failed to get {metricName} object metric: {cause}");
            }
            var status = new JsonObject { ["metric"] = Identifier(), ["current"] = new JsonObject { [value is not null ? "value" : "averageValue"] = Text(proposal) }, ["describedObject"] = described.DeepClone() };
            return Look(proposal, value is not null ? $"{kind} metric {metricName}" : External(), "object", status);
        }

        async Task<MetricLook> ExternalAsync()
        {
            // Where both are set the average counts, unlike an object's.
            var average = Millis(target["averageValue"]);
            var value = Millis(target["value"]);
            if (average is null && value is null) throw Refusal.Same("invalid external metric source: neither a value target nor an average value target was set");
            try
            {
                List<long> values;
                try
                {
                    values = await reader.ExternalAsync(metricName, name.Namespace, metricSelector, cancel);
                }
                catch (MetricException e)
                {
                    throw new MetricException($"unable to get external metric {name.Namespace}/{metricName}/{GoSelector.Text(metricSelector)}: {e.Message}");
                }
                var usage = values.Aggregate(0L, (sum, v) => v > 0 && sum > long.MaxValue - v ? long.MaxValue : sum + v);
                var proposal = average is { } each ? ReplicaCalculator.ForValuePerPod(running, each, usage, tolerances) : ReplicaCalculator.ForValue(wanted, value!.Value, usage, pods, tolerances);
                return Look(proposal, External(), "external", Of(average is not null ? "averageValue" : "value", proposal));
            }
            catch (Exception e) when (e is MetricException or FormatException)
            {
                throw new Refusal(e.Message, average is not null ? $"failed to get {metricName} external metric: {e.Message}" : $"failed to get external metric {metricName}: {e.Message}");
            }
        }

        GroupResource Measured(string apiVersion, string kind)
        {
            var slash = apiVersion.IndexOf('/');
            if (kind == "Namespace" && slash < 0) return new GroupResource("", "namespaces");
            try
            {
                return kinds.Find(apiVersion.Length > 0 ? apiVersion : "v1", kind).GroupResource;
            }
            catch (FormatException e)
            {
                throw new MetricException($"unable to fetch metrics from custom metrics API: unable to map kind {kind}{(slash > 0 ? "." + apiVersion[..slash] : "")} to resource: {e.Message}");
            }
        }

        (long? Value, long? Average) Target() => ((string?)target["type"]) switch
        {
            "Value" => (Millis(target["value"]), null),
            "AverageValue" => (null, Millis(target["averageValue"])),
            _ => (null, null),
        };

        string External() => $"external metric {metricName}({GoSelector.Text(metricSelector)})";

        JsonObject Identifier()
        {
            var identifier = new JsonObject { ["name"] = metricName };
            if (metricSelector is not null) identifier["selector"] = metricSelector.DeepClone();
            return identifier;
        }

        JsonObject Of(string field, Proposal proposal) => new() { ["metric"] = Identifier(), ["current"] = new JsonObject { [field] = Text(proposal) } };

        MetricLook Look(Proposal proposal, string description, string field, JsonObject status) =>
            new(proposal.Replicas, description, new JsonObject { ["type"] = type, [field] = status });
    }

    private static async Task<T> Read<T>(string what, Func<Task<T>> read, bool isMetric = false)
    {
        try
        {
            return await read();
        }
        catch (MetricException e)
        {
            throw new MetricException(isMetric ? $"unable to get {what}: {e.Message}" : $"unable to get metrics for {what}: {e.Message}");
        }
    }

    private static string Text(Proposal proposal) => Quantity.FromMillis(proposal.UsageMillis).ToString();

    private static long? Millis(JsonNode? quantity) => quantity is null ? null : Quantity.Parse(quantity.ToString()).ToMillis();

    /// <param name="cause">Of the event and the condition.</param>
    private sealed class Refusal(string cause, string message) : Exception(message)
    {
        public string Cause { get; } = cause;

        public static Refusal Same(string message) => new(message, message);
    }
}
