using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Metrics;

/// <summary><c>/metrics/resources</c>: what each Pod asks for and may use, as kube-scheduler tells it (KEP-1748). Made when it is asked for.</summary>
internal static class PodResourceMetrics
{
    private const string Help = "broken down by pod. This shows the resource usage the scheduler and kubelet expect per pod for resources along with the unit for the resource if any.";

    public static string Text(IEnumerable<JsonObject> pods)
    {
        List<string> limits = [], requests = [];
        foreach (var pod in pods)
        {
            // One that ended holds nothing; without a node it cannot have ended.
            var spec = pod.Object("spec");
            if (spec.Text("nodeName").Length > 0 && pod.Object("status").Text("phase") is "Succeeded" or "Failed") continue;
            Add(limits, pod, spec, "limit");
            Add(requests, pod, spec, "request");
        }
        var text = new StringBuilder();
        Append(text, "limit", "Resources limit for workloads on the cluster", limits);
        Append(text, "request", "Resources requested by workloads on the cluster", requests);
        return text.ToString();
    }

    private static void Add(List<string> lines, JsonObject pod, JsonObject? spec, string kind)
    {
        var metadata = pod.Object("metadata");
        foreach (var (name, quantity) in PodResources.OfPod(spec, kind + "s", withOverhead: true))
        {
            if (quantity.IsZero) continue;
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"kube_pod_resource_{kind}{{namespace=\"{metadata.Text("namespace")}\",node=\"{spec.Text("nodeName")}\",pod=\"{metadata.Text("name")}\",priority=\"{spec?["priority"]}\",resource=\"{name}\",scheduler=\"{spec.Text("schedulerName")}\",unit=\"{Unit(name)}\"}} {quantity.ToDouble()}\n"));
        }
    }

    private static string Unit(string resource) => resource switch
    {
        "cpu" => "cores",
        "memory" or "storage" or "ephemeral-storage" => "bytes",
        _ when resource.StartsWith("hugepages-", StringComparison.Ordinal) => "bytes",
        _ when resource.StartsWith("attachable-volumes-", StringComparison.Ordinal) => "integer",
        _ => "",
    };

    private static void Append(StringBuilder text, string kind, string help, List<string> lines)
    {
        if (lines.Count == 0) return;
        text.Append(CultureInfo.InvariantCulture, $"# HELP kube_pod_resource_{kind} [STABLE] {help}, {Help}\n# TYPE kube_pod_resource_{kind} gauge\n");
        lines.Sort(StringComparer.Ordinal);
        foreach (var line in lines) text.Append(line);
    }
}
