using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.NodeTtl;

/// <summary>Tells kubelets how long they may keep what they read of Secrets and ConfigMaps: the more nodes, the longer.</summary>
internal sealed class NodeTtlController : IReconciler
{
    private const string Annotation = "node.alpha.kubernetes.io/ttl";

    /// <summary>Steps overlap, so that a cluster that gains and loses one node does not rewrite all of them each time.</summary>
    private static readonly (int NodesMin, int NodesMax, int TtlSeconds)[] Steps =
        [(0, 100, 0), (90, 500, 15), (450, 1000, 30), (900, 2000, 60), (1800, 10000, 300), (9000, int.MaxValue, 600)];

    private readonly ControllerContext _context;
    private readonly IInformer<V1Node> _nodes;
    private readonly Lock _gate = new();
    private int _step;

    public NodeTtlController(ControllerContext context)
    {
        _context = context;
        _nodes = context.Watches(Resources.Nodes, change =>
        {
            if (change.New is not null && change.Old is not null) return;
            if (StepChanged())
                foreach (var node in _nodes!.List()) context.Queue.Add(node.NamespacedName());
            if (change.New is not null) context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_nodes.Find(name) is not { } node) return Requeue.Never;
        var wanted = Steps[_step].TtlSeconds.ToString(CultureInfo.InvariantCulture);
        if (node.Metadata.Annotations is { } annotations && annotations.TryGetValue(Annotation, out var has) && has == wanted) return Requeue.Never;
        await _context.Client.StrategicPatchAsync(
            Resources.Nodes, name, new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Annotation] = wanted } } }, null, cancel);
        return Requeue.Never;
    }

    private bool StepChanged()
    {
        lock (_gate)
        {
            var before = _step;
            var count = _nodes.List().Count;
            while (count > Steps[_step].NodesMax) _step++;
            while (count < Steps[_step].NodesMin) _step--;
            return _step != before;
        }
    }
}
