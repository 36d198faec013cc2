using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Preemption;
using Bramble.Scheduler.State;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler.Extenders;

/// <summary>The extenders that a Pod concerns, asked one after the other; one that may be ignored is told of when it does not answer, and left out.</summary>
internal sealed class ExtenderCalls(IReadOnlyList<Extender> extenders, KubeObject pod, IInformer<V1Node> nodes, IInformer<V1Pod> pods, ILogger log)
{
    /// <returns>Null: none of the extenders has to do with the Pod.</returns>
    public static ExtenderCalls? For(V1Pod pod, IReadOnlyList<Extender> extenders, IInformer<V1Node> nodes, IInformer<V1Pod> pods, ILogger log)
    {
        if (extenders.Count == 0) return null;
        List<Extender> concerned = [.. extenders.Where(e => e.Concerns(pod))];
        return concerned.Count == 0 || pods.FindObject(pod.NamespacedName()) is not { } found ? null : new(concerned, found, nodes, pods, log);
    }

    /// <summary>They choose among the nodes that fit, so many are looked for.</summary>
    public bool Chooses => extenders.Any(e => e.Filters || e.Prioritizes);

    /// <summary>Binds the Pod in the scheduler's stead; null: nobody does.</summary>
    public Extender? Binder => extenders.FirstOrDefault(e => e.Binds);

    /// <exception cref="SchedulingException">One that is needed did not answer.</exception>
    public async Task<IReadOnlyList<NodeInfo>> FilterAsync(IReadOnlyList<NodeInfo> fitting, Diagnosis diagnosis, CancellationToken cancel)
    {
        var before = fitting.Count;
        foreach (var extender in extenders.Where(e => e.Filters))
        {
            if (fitting.Count == 0) break;
            var asked = fitting;
            if (await TryAsync(extender, "filter", () => extender.FilterAsync(pod, Objects(asked), cancel)) is not { } verdict) continue;
            foreach (var (node, refusal) in verdict.Refused) diagnosis.Refuse(node, refusal);
            fitting = [.. asked.Where(n => verdict.Fitting.Contains(n.Name))];
        }
        if (fitting.Count < before) diagnosis.AddRejector(ExtenderRejection.Instance);
        return fitting;
    }

    /// <summary>All are asked at once; who does not answer has no opinion.</summary>
    public async Task<Dictionary<string, long>> PrioritizeAsync(IReadOnlyList<NodeInfo> fitting, CancellationToken cancel)
    {
        var (objects, totals) = (Objects(fitting), new Dictionary<string, long>(StringComparer.Ordinal));
        foreach (var scores in await Task.WhenAll(extenders.Where(e => e.Prioritizes).Select(e => TryAsync(e, "prioritize", () => e.PrioritizeAsync(pod, objects, cancel), isNeeded: false))))
            foreach (var (node, score) in scores ?? []) totals[node] = totals.GetValueOrDefault(node) + score;
        return totals;
    }

    /// <param name="read">Makes victims of what an extender names, under the scheduler's lock.</param>
    /// <exception cref="SchedulingException">One that is needed did not answer, or not sensibly.</exception>
    public async Task<IReadOnlyList<Victims>> PreemptAsync(IReadOnlyList<Victims> candidates, Func<JsonObject, Extender, IReadOnlyList<Victims>> read, CancellationToken cancel)
    {
        foreach (var extender in extenders.Where(e => e.Preempts))
        {
            if (candidates.Count == 0) break;
            var asked = candidates;
            candidates = await TryAsync(extender, "preempt", async () => Sensible(read(await extender.PreemptAsync(pod, asked, p => pods.FindObject(p.Name), cancel), extender), extender)) ?? asked;
        }
        return candidates;
    }

    /// <summary>Pods by the uids an extender names.</summary>
    public static IReadOnlyList<Victims> Read(JsonObject named, Extender extender, ClusterState cluster)
    {
        var victims = new List<Victims>();
        foreach (var (name, value) in named)
        {
            var node = cluster.Find(name) ?? throw new SchedulingException($"nodeinfo not found for node name \"{name}\"");
            var pods = (value?["Pods"] as JsonArray ?? []).Select(p => (string?)p?["UID"] ?? "").Select(uid => node.Pods.Find(p => p.Uid == uid)
                ?? throw new SchedulingException($"extender: {extender.Url} claims to preempt pod (UID: {uid}) on node: {name}, but the pod is not found on that node"));
            victims.Add(new(name, [.. pods], (int?)value?["NumPDBViolations"] ?? 0));
        }
        return victims;
    }

    private static IReadOnlyList<Victims> Sensible(IReadOnlyList<Victims> candidates, Extender extender)
    {
        if (!extender.IsIgnorable && candidates.FirstOrDefault(c => c.Pods.Count == 0) is { } empty) throw new SchedulingException($"expected at least one victim pod on node \"{empty.Node}\"");
        return [.. candidates.Where(c => c.Pods.Count > 0)];
    }

    private List<KubeObject> Objects(IReadOnlyList<NodeInfo> fitting) => [.. fitting.Select(n => nodes.FindObject(new("", n.Name))).OfType<KubeObject>()];

    private async Task<T?> TryAsync<T>(Extender extender, string what, Func<Task<T>> ask, bool isNeeded = true) where T : class
    {
        try
        {
            return await ask();
        }
        catch (SchedulingException e) when (extender.IsIgnorable || !isNeeded)
        {
            SchedulerLog.ExtenderIgnored(log, extender.Url, what, pod.Name, e.Message);
            return null;
        }
    }
}
