using System.Globalization;
using System.Text;
using Bramble.Kubelet.Node;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Stats;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>/metrics, /metrics/resource, /metrics/cadvisor and /metrics/probes in Prometheus' text format; read from the kernel when asked.</summary>
internal sealed class MetricsEndpoint(PodWorkers workers, PodParts parts, CgroupStats stats, NodeAgent node, TimeProvider time) : IKubeletEndpoint
{
    public async Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        var text = rest switch
        {
            [] => Own(),
            ["resource"] => Resource(),
            ["cadvisor"] => Cadvisor(),
            ["probes"] => "",
            _ => throw new HttpAnswerException(404, "404 page not found"),
        };
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        await http.Response.WriteAsync(text, cancel);
    }

    private string Own()
    {
        var text = new MetricsText();
        var active = workers.Active;
        text.Family("kubelet_running_pods", "gauge", "Number of pods that have a running pod sandbox").Sample("", active.Count(w => !w.IsEnding));
        text.Family("kubelet_desired_pods", "gauge", "The number of pods the kubelet is being instructed to run.").Sample("", active.Count);
        text.Family("kubelet_node_name", "gauge", "The node's name. The count is always 1.").Sample($"node=\"{parts.Config.NodeName}\"", 1);
        text.Family("kubelet_node_ready", "gauge", "Whether the node is registered and its network is ready.").Sample("", node.Node is not null && node.NetworkProblem is null ? 1 : 0);
        return text + (parts.Config.OtherMetrics?.Invoke() ?? "");
    }

    private string Resource()
    {
        var text = new MetricsText();
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        text.Family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the container in core-seconds");
        Containers((labels, cgroup, _) => text.Sample(labels, Seconds(stats.CpuOf(cgroup)), now));
        text.Family("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes");
        Containers((labels, cgroup, _) => text.Sample(labels, stats.MemoryOf(cgroup)?.WorkingSetBytes, now));
        text.Family("container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds");
        Containers((labels, _, started) => text.Sample(labels, new DateTimeOffset(started, TimeSpan.Zero).ToUnixTimeSeconds(), null));
        text.Family("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds").Sample("", Seconds(stats.CpuOf("/")), now);
        text.Family("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes").Sample("", stats.NodeMemory(0)?.WorkingSetBytes, now);
        text.Family("pod_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the pod in core-seconds");
        Pods((labels, cgroup) => text.Sample(labels, Seconds(stats.CpuOf(cgroup)), now));
        text.Family("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes");
        Pods((labels, cgroup) => text.Sample(labels, stats.MemoryOf(cgroup)?.WorkingSetBytes, now));
        text.Family("resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise").Sample("", 0);
        return text.ToString();
    }

    private string Cadvisor()
    {
        var text = new MetricsText();
        text.Family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.");
        Cgroups((labels, cgroup) => text.Sample($"{labels},cpu=\"total\"", Seconds(stats.CpuOf(cgroup))));
        text.Family("container_memory_working_set_bytes", "gauge", "Current working set in bytes.");
        Cgroups((labels, cgroup) => text.Sample(labels, stats.MemoryOf(cgroup)?.WorkingSetBytes));
        text.Family("container_memory_usage_bytes", "gauge", "Current memory usage in bytes, including all memory regardless of when it was accessed");
        Cgroups((labels, cgroup) => text.Sample(labels, stats.MemoryOf(cgroup)?.UsageBytes));
        text.Family("container_memory_rss", "gauge", "Size of RSS in bytes.");
        Cgroups((labels, cgroup) => text.Sample(labels, stats.MemoryOf(cgroup)?.RssBytes));
        text.Family("container_processes", "gauge", "Number of processes running inside the container.");
        Cgroups((labels, cgroup) => text.Sample(labels, stats.PidsOf(cgroup)));
        text.Family("machine_cpu_cores", "gauge", "Number of logical CPU cores.").Sample("", Environment.ProcessorCount);
        return text.ToString();
    }

    private void Cgroups(Action<string, string> sample)
    {
        foreach (var pod in workers.Active.Select(w => w.Pod))
        {
            var podCgroup = parts.Cgroups.PathOf(pod);
            sample($"container=\"\",id=\"{podCgroup}\",image=\"\",name=\"\",namespace=\"{pod.Namespace()}\",pod=\"{pod.Name()}\"", podCgroup);
            foreach (var status in Running(pod))
            {
                var path = ContainerCgroup(podCgroup, status.ContainerID);
                var id = path[(path.LastIndexOf('/') + 1)..];
                sample($"container=\"{status.Name}\",id=\"{path}\",image=\"{status.Image}\",name=\"{id}\",namespace=\"{pod.Namespace()}\",pod=\"{pod.Name()}\"", path);
            }
        }
    }

    private void Containers(Action<string, string, DateTime> sample)
    {
        foreach (var pod in workers.Active.Select(w => w.Pod))
            foreach (var status in Running(pod))
                sample(
                    $"container=\"{status.Name}\",namespace=\"{pod.Namespace()}\",pod=\"{pod.Name()}\"", ContainerCgroup(parts.Cgroups.PathOf(pod), status.ContainerID),
                    DateTime.SpecifyKind(status.State.Running!.StartedAt ?? DateTime.UnixEpoch, DateTimeKind.Utc));
    }

    private void Pods(Action<string, string> sample)
    {
        foreach (var pod in workers.Active.Select(w => w.Pod)) sample($"namespace=\"{pod.Namespace()}\",pod=\"{pod.Name()}\"", parts.Cgroups.PathOf(pod));
    }

    private IEnumerable<k8s.Models.V1ContainerStatus> Running(k8s.Models.V1Pod pod)
    {
        var status = parts.Statuses.Find(pod);
        return (status?.InitContainerStatuses ?? []).Concat(status?.ContainerStatuses ?? []).Where(s => s.State?.Running is not null && s.ContainerID is not null);
    }

    private string ContainerCgroup(string podCgroup, string containerId) => ContainerCgroups.Path(parts.Config.CgroupDriver, podCgroup, containerId);

    private static double? Seconds(CpuStats? cpu) => cpu is { } c ? c.UsageNanoseconds / 1e9 : null;
}

/// <summary>Prometheus' text format. Samples without a value are left out.</summary>
internal sealed class MetricsText
{
    private readonly StringBuilder _text = new();
    private string _name = "";

    public MetricsText Family(string name, string type, string help)
    {
        _name = name;
        _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
        return this;
    }

    public MetricsText Sample(string labels, double? value, long? milliseconds = null)
    {
        if (value is not { } number) return this;
        _text.Append(_name);
        if (labels.Length > 0) _text.Append('{').Append(labels).Append('}');
        _text.Append(' ').Append(number.ToString("R", CultureInfo.InvariantCulture));
        if (milliseconds is { } at) _text.Append(' ').Append(at.ToString(CultureInfo.InvariantCulture));
        _text.Append('\n');
        return this;
    }

    public override string ToString() => _text.ToString();
}
