using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.Client;

namespace Bramble.Controllers.PodAutoscaling;

/// <summary>Asks the three metrics APIs. Which server answers behind them (this one, Prometheus' adapter, KEDA) is the API's matter.</summary>
internal sealed class MetricsReader(IKubeClient client)
{
    /// <summary>Of metrics that do not say over which time they were measured.</summary>
    private static readonly TimeSpan UsualWindow = TimeSpan.FromMinutes(1);
    private static readonly string[] CustomVersions = ["v1beta2", "v1beta1"];

    /// <summary>What Pods use of a resource.</summary>
    /// <param name="container">Only this container; empty: all of a Pod, and a Pod of which one container is unknown is left out.</param>
    public async Task<Dictionary<string, PodMetric>> ResourceAsync(string resource, string ns, string selector, string container, CancellationToken cancel)
    {
        const string from = "unable to fetch metrics from resource metrics API";
        var items = await ItemsAsync($"/apis/metrics.k8s.io/v1beta1/namespaces/{ns}/pods", [new("labelSelector", selector)], from, cancel);
        if (items.Count == 0) throw new MetricException("no metrics returned from resource metrics API");
        var found = new Dictionary<string, PodMetric>(StringComparer.Ordinal);
        foreach (var item in items)
        {
            var usages = (item["containers"] as JsonArray ?? []).OfType<JsonObject>().Where(c => container.Length == 0 || (string?)c["name"] == container)
                .Select(c => c["usage"]?[resource]?.ToString()).ToList();
            if (usages.Count == 0 || usages.Contains(null)) continue;
            found[Name(item["metadata"])] = new PodMetric(usages.Sum(u => Quantity.Parse(u!).ToMillis()), Time(item["timestamp"]), Window((string?)item["window"]));
        }
        return found;
    }

    /// <summary>A metric of the Pods' own.</summary>
    public async Task<Dictionary<string, PodMetric>> PodsAsync(string metric, string ns, string selector, JsonObject? metricSelector, CancellationToken cancel)
    {
        var items = await CustomAsync($"namespaces/{ns}/pods/*/{metric}", [new("labelSelector", selector), .. Selector("metricLabelSelector", metricSelector)], cancel);
        if (items.Count == 0) throw new MetricException("no metrics returned from custom metrics API");
        var found = new Dictionary<string, PodMetric>(StringComparer.Ordinal);
        // A Pod may have several series of a metric: the last one counts.
        foreach (var item in items)
            found[Name(item["describedObject"])] = new PodMetric(Value(item), Time(item["timestamp"]), (long?)(item["windowSeconds"] ?? item["window"]) is { } seconds ? TimeSpan.FromSeconds(seconds) : UsualWindow);
        return found;
    }

    /// <summary>A metric of one object, in thousandths.</summary>
    /// <param name="resource">Of the object; namespaces are addressed by their own name.</param>
    public async Task<long> ObjectAsync(string metric, string ns, GroupResource resource, string name, JsonObject? metricSelector, CancellationToken cancel)
    {
        var path = resource is { Group: "", Resource: "namespaces" } ? $"namespaces/{ns}/metrics/{metric}" : $"namespaces/{ns}/{resource}/{Uri.EscapeDataString(name)}/{metric}";
        var items = await CustomAsync(path, Selector("metricLabelSelector", metricSelector), cancel);
        return items.Count == 1 ? Value(items[0])
            : throw new MetricException($"unable to fetch metrics from custom metrics API: the custom metrics API server returned {items.Count} results when we asked for exactly one");
    }

    /// <summary>All values of a metric of something outside the cluster, in thousandths.</summary>
    public async Task<List<long>> ExternalAsync(string metric, string ns, JsonObject? metricSelector, CancellationToken cancel)
    {
        var items = await ItemsAsync(
            $"/apis/external.metrics.k8s.io/v1beta1/namespaces/{ns}/{metric}", Selector("labelSelector", metricSelector), "unable to fetch metrics from external metrics API", cancel);
        return items.Count > 0 ? [.. items.Select(Value)] : throw new MetricException("no metrics returned from external metrics API");
    }

    private async Task<List<JsonObject>> CustomAsync(string path, IReadOnlyList<KeyValuePair<string, string>> query, CancellationToken cancel)
    {
        const string from = "unable to fetch metrics from custom metrics API";
        foreach (var version in CustomVersions)
        {
            try
            {
                return Items(await client.GetAsync($"/apis/custom.metrics.k8s.io/{version}/{path}", query, cancel));
            }
            catch (StatusException e) when (e.IsNotFound && e.Status.Details is null)
            {
                continue;       // no such version, or no such group
            }
            catch (StatusException e)
            {
                throw new MetricException($"{from}: {e.Message}");
            }
        }
        throw new MetricException($"{from}: no custom metrics API (custom.metrics.k8s.io) registered");
    }

    private async Task<List<JsonObject>> ItemsAsync(string path, IReadOnlyList<KeyValuePair<string, string>> query, string from, CancellationToken cancel)
    {
        try
        {
            return Items(await client.GetAsync(path, query, cancel));
        }
        catch (StatusException e)
        {
            throw new MetricException($"{from}: {e.Message}");
        }
    }

    private static List<JsonObject> Items(JsonObject list) => [.. (list["items"] as JsonArray ?? []).OfType<JsonObject>()];

    private static List<KeyValuePair<string, string>> Selector(string parameter, JsonObject? selector) =>
        selector is null ? [] : [new(parameter, Api.Selectors.LabelSelector.FromObject(selector).ToString())];

    private static string Name(JsonNode? of) => (string?)of?["name"] ?? "";

    private static long Value(JsonObject item) => Quantity.Parse(item["value"]?.ToString() ?? "0").ToMillis();

    private static DateTimeOffset Time(JsonNode? value) => DateTimeOffset.TryParse((string?)value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : default;

    private static TimeSpan Window(string? text) => text is not null && GoDuration.Parse(text) is { } nanoseconds ? TimeSpan.FromTicks(nanoseconds / 100) : TimeSpan.Zero;
}
