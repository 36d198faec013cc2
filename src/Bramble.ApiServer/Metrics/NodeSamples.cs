using System.Globalization;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Proxying;

namespace Bramble.ApiServer.Metrics;

/// <summary>A container of a pod; all empty: the node itself.</summary>
internal readonly record struct SampleKey(string Namespace, string Pod, string Container);

/// <summary>What something uses: CPU in nanocores over the window, memory's working set.</summary>
internal readonly record struct Usage(long NanoCores, long MemoryBytes);

/// <summary>Usage on one node.</summary>
internal sealed record NodeUsage(DateTimeOffset At, TimeSpan Window, IReadOnlyDictionary<SampleKey, Usage> Of);

/// <summary>What nodes and their containers use, from the kubelets' /metrics/resource. Asked only when somebody asks us, so an idle cluster pays nothing:
/// CPU is the difference to the question before, or, when that is long ago, to a first look a second earlier. Thread-safe.</summary>
internal sealed class NodeSamples(Kubelets kubelets, BackendClient backend, TimeProvider time)
{
    /// <summary>Two questions within this time get one answer.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    /// <summary>Older counters would show an average that nobody means by "now" (metrics-server looks every 15 s).</summary>
    private static readonly TimeSpan Old = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan FirstWindow = TimeSpan.FromSeconds(1);

    // Bounded by the nodes of the cluster: those that are gone go with the next question.
    private readonly Dictionary<string, Counters> _last = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NodeUsage> _answers = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _gate = new(1);

    /// <summary>Usage by node; nodes whose kubelet does not answer are left out.</summary>
    public async Task<IReadOnlyDictionary<string, NodeUsage>> ReadAsync(IReadOnlyCollection<string> nodes, IReadOnlyCollection<string> all, CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        try
        {
            foreach (var gone in _last.Keys.Except(all).ToList()) _last.Remove(gone);
            foreach (var gone in _answers.Keys.Except(all).ToList()) _answers.Remove(gone);
            var found = await Task.WhenAll(nodes.Select(node => NodeAsync(node, cancel)));
            foreach (var (node, counters, usage) in found)
            {
                if (counters is not null) _last[node] = counters;
                if (usage is not null) _answers[node] = usage;
            }
            return found.Where(f => f.Usage is not null).ToDictionary(f => f.Node, f => f.Usage!);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<(string Node, Counters? Counters, NodeUsage? Usage)> NodeAsync(string node, CancellationToken cancel)
    {
        var before = _last.GetValueOrDefault(node);
        var age = before is null ? TimeSpan.MaxValue : time.GetElapsedTime(before.Stamp);
        if (age < Fresh && _answers.TryGetValue(node, out var answer)) return (node, null, answer);
        if (age > Old)
        {
            before = await ScrapeAsync(node, cancel);
            if (before is null) return (node, null, null);
            await Task.Delay(FirstWindow, time, cancel);
        }
        if (await ScrapeAsync(node, cancel) is not { } now) return (node, null, null);
        var window = time.GetElapsedTime(before!.Stamp, now.Stamp);
        var usage = new Dictionary<SampleKey, Usage>();
        foreach (var (key, (cpuSeconds, memoryBytes)) in now.Of)
        {
            // A container that began within the window: its whole time is the difference.
            var earlier = before.Of.TryGetValue(key, out var old) && old.CpuSeconds <= cpuSeconds ? old.CpuSeconds : 0;
            usage[key] = new((long)((cpuSeconds - earlier) / window.TotalSeconds * 1e9), memoryBytes);
        }
        return (node, now, new(time.GetUtcNow(), window, usage));
    }

    private async Task<Counters?> ScrapeAsync(string node, CancellationToken cancel)
    {
        try
        {
            var (host, port) = kubelets.Find(node, new GroupResource("", "nodes"));
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            bound.CancelAfter(TimeSpan.FromSeconds(10));
            using var answer = await backend.SendAsync(new HttpRequestMessage(HttpMethod.Get, $"https://{Kubelets.UrlHost(host)}:{port}/metrics/resource"), bound.Token);
            if (!answer.IsSuccessStatusCode) return null;
            return new(time.GetTimestamp(), Parse(await answer.Content.ReadAsStringAsync(bound.Token)));
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            // A node that does not answer has no metrics; the others have.
            return null;
        }
    }

    /// <summary>CPU seconds and memory of the node and of each container, out of Prometheus' text.</summary>
    internal static Dictionary<SampleKey, (double CpuSeconds, long MemoryBytes)> Parse(string text)
    {
        var found = new Dictionary<SampleKey, (double CpuSeconds, long MemoryBytes)>();
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (line.IsEmpty || line[0] == '#') continue;
            var end = line.IndexOfAny('{', ' ');
            if (end <= 0) continue;
            var (isCpu, isNode) = line[..end] switch
            {
                "node_cpu_usage_seconds_total" => (true, true),
                "container_cpu_usage_seconds_total" => (true, false),
                "node_memory_working_set_bytes" => (false, true),
                "container_memory_working_set_bytes" => ((bool?)false, false),
                _ => (null, false),
            };
            if (isCpu is null) continue;
            var close = line[end] == '{' ? line[end..].IndexOf('}') : -1;
            // Cut off in the middle.
            if (line[end] == '{' && close < 0) continue;
            var afterLabels = end + close + 1;
            var labels = isNode ? default : line[end..afterLabels];
            var rest = line[afterLabels..].Trim();
            var space = rest.IndexOf(' ');
            if (!double.TryParse(space < 0 ? rest : rest[..space], NumberStyles.Float, CultureInfo.InvariantCulture, out var value)) continue;
            var key = isNode ? default : new SampleKey(Label(labels, "namespace"), Label(labels, "pod"), Label(labels, "container"));
            var known = found.GetValueOrDefault(key);
            found[key] = isCpu.Value ? known with { CpuSeconds = value } : known with { MemoryBytes = (long)value };
        }
        return found;
    }

    // Names of namespaces, pods and containers need no escapes.
    private static string Label(ReadOnlySpan<char> labels, string name)
    {
        var at = labels.IndexOf($"{name}=\"");
        if (at < 0) return "";
        var value = labels[(at + name.Length + 2)..];
        return value.IndexOf('"') is >= 0 and var length ? value[..length].ToString() : "";
    }

    private sealed record Counters(long Stamp, IReadOnlyDictionary<SampleKey, (double CpuSeconds, long MemoryBytes)> Of);
}
