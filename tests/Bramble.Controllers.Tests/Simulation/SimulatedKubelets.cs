using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Controllers.Tests.Simulation;

/// <summary>The agents of all nodes: they renew leases, start what is bound to their node, end what is deleted; containers of Jobs finish well or badly. An agent
/// that is down does nothing of that until it is up again.</summary>
internal sealed class SimulatedKubelets : IAsyncDisposable
{
    private static readonly TimeSpan LeaseRenewal = TimeSpan.FromSeconds(10);

    private readonly IKubeClient _api;
    private readonly Random _random;
    private readonly TimeProvider _time;
    private readonly Informers _informers;
    private readonly IInformer<V1Pod> _pods;
    private readonly Dictionary<string, CancellationTokenSource> _up = [];       // nodes whose agents run, and how to end them
    private readonly List<Task> _running = [];

    public SimulatedKubelets(IKubeClient api, Random random, TimeProvider time)
    {
        (_api, _random, _time) = (api, random, time);
        _informers = new Informers(api, time, NullLoggerFactory.Instance);
        _pods = _informers.For(Resources.Pods);
        _pods.Subscribe(change =>
        {
            if (change.New is { } pod && pod.Spec.NodeName is { Length: > 0 } node && _up.TryGetValue(node, out var stop)
                && (change.Old?.Spec.NodeName != node || pod.IsBeingDeleted() != change.Old.IsBeingDeleted() || pod.Metadata.Uid != change.Old.Metadata.Uid)) Begin(pod, stop.Token);
        });
    }

    public bool IsUp(string node) => _up.ContainsKey(node);

    /// <summary>The agent of a node starts; the node's object is made unless it is there.</summary>
    public async Task StartAsync(string node, int cpus)
    {
        var stop = new CancellationTokenSource();
        _up.Add(node, stop);
        var name = new NamespacedName("", node);
        if (await _api.FindAsync(Resources.Nodes, name, default) is null)
        {
            await _api.CreateAsync(Resources.Nodes, name, Tree($$$"""
                {"metadata":{"name":"{{{node}}}","labels":{"kubernetes.io/hostname":"{{{node}}}","topology.kubernetes.io/zone":"z{{{_random.Next(2)}}}"} } }
                """), null, default);
        }
        await _api.StrategicPatchAsync(Resources.Nodes, name, Tree($$$"""
            {"status":{"capacity":{"cpu":"{{{cpus}}}","memory":"64Gi","pods":"30"},"allocatable":{"cpu":"{{{cpus}}}","memory":"64Gi","pods":"30"},
             "conditions":[{"type":"Ready","status":"True","reason":"KubeletReady","message":"simulated","lastHeartbeatTime":"{{{Now()}}}","lastTransitionTime":"{{{Now()}}}"}]} }
            """), "status", default);
        _running.Add(RenewAsync(node, stop.Token));
        foreach (var pod in _pods.List().Where(p => p.Spec.NodeName == node)) Begin(pod, stop.Token);
    }

    /// <summary>The machine is gone, silently.</summary>
    public void Fail(string node)
    {
        if (_up.Remove(node, out var stop)) stop.Cancel();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _up.Keys.ToList()) Fail(node);
        await Task.WhenAll(_running);
        await _informers.DisposeAsync();
    }

    private async Task RenewAsync(string node, CancellationToken stop)
    {
        try
        {
            await Task.Delay(Within(10_000), _time, stop);
            while (true)
            {
                await Try(async () =>
                {
                    var name = new NamespacedName("kube-node-lease", node);
                    var spec = $$$"""{"holderIdentity":"{{{node}}}","leaseDurationSeconds":40,"renewTime":"{{{KubeTime.Micro(_time.GetUtcNow())}}}"}""";
                    if (await _api.FindAsync(Resources.Leases, name, stop) is null) await _api.CreateAsync(Resources.Leases, name, Tree($$$"""{"metadata":{"name":"{{{node}}}","namespace":"kube-node-lease"},"spec":{{{spec}}} }"""), null, stop);
                    else await _api.MergePatchAsync(Resources.Leases, name, Tree($$$"""{"spec":{{{spec}}} }"""), null, stop);
                });
                await Task.Delay(LeaseRenewal, _time, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // the machine is gone
        }
    }

    private void Begin(V1Pod pod, CancellationToken stop) => _running.Add(pod.IsBeingDeleted() ? EndAsync(pod, stop) : LiveAsync(pod, stop));

    private async Task LiveAsync(V1Pod pod, CancellationToken stop)
    {
        try
        {
            if (pod.IsFinished()) return;
            await Task.Delay(Within(3000), _time, stop);
            await PatchAsync(pod, stop, "Running", isReady: true);
            if (pod.ControllerRef()?.Kind != "Job") return;
            await Task.Delay(Within(20_000), _time, stop);
            await PatchAsync(pod, stop, _random.Next(4) == 0 ? "Failed" : "Succeeded", isReady: false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // the machine is gone
        }
    }

    private async Task EndAsync(V1Pod pod, CancellationToken stop)
    {
        try
        {
            await Task.Delay(Within(2000), _time, stop);
            await PatchAsync(pod, stop, "Failed", isReady: false);
            await Try(async () => await _api.DeleteAsync(Resources.Pods, pod.NamespacedName(), new DeleteQuery(0, Uid: pod.Metadata.Uid), stop));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // the machine is gone
        }
    }

    /// <summary>Also what is going reports its end; what has ended never runs again.</summary>
    public async Task PatchAsync(V1Pod pod, CancellationToken stop, string phase, bool isReady)
    {
        if (await _api.FindModelAsync(Resources.Pods, pod.NamespacedName(), stop) is not { } now || now.Metadata.Uid != pod.Metadata.Uid || now.IsFinished()) return;
        if (phase == "Running" && now.IsBeingDeleted()) return;
        var ready = isReady ? "True" : "False";
        await Try(async () => await _api.StrategicPatchAsync(Resources.Pods, pod.NamespacedName(), Tree($$$"""
            {"metadata":{"uid":"{{{pod.Metadata.Uid}}}"},"status":{"phase":"{{{phase}}}","startTime":"{{{Now()}}}","podIP":"10.42.0.{{{_random.Next(2, 250)}}}",
             "conditions":[{"type":"Ready","status":"{{{ready}}}","lastTransitionTime":"{{{Now()}}}"},{"type":"ContainersReady","status":"{{{ready}}}","lastTransitionTime":"{{{Now()}}}"}]} }
            """), "status", stop));
    }

    /// <summary>Somebody was faster, or the Pod is gone: what there is now comes by the watch.</summary>
    private static async Task Try(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (StatusException e) when (e.IsConflict || e.IsNotFound || e.IsAlreadyExists)
        {
            return;
        }
    }

    private TimeSpan Within(int milliseconds) => TimeSpan.FromMilliseconds(_random.Next(20, milliseconds));

    private string Now() => KubeTime.Seconds(_time.GetUtcNow());

    private static JsonObject Tree(string json) => JsonNode.Parse(json)!.AsObject();
}
