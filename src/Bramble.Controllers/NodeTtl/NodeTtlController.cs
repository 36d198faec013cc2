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
        [(0, 100, 0), (90, 500, 15), (450, 1000, 30), (900, 2000, 60), (1800, int.MaxValue, 300)];

    private readonly ControllerContext _context;
    private readonly IInformer<V1Node> _nodes;
    private readonly Lock _gate = new();
    private int _step;

    public NodeTtlController(ControllerContext context)
    {
        _context = context;
        _nodes = context.Watches(Resources.Nodes, change =>
        {
            if ((change.New is null || change.Old is null) && StepChanged())
                foreach (var node in _nodes!.List()) context.Queue.Add(node.NamespacedName());
            if (change.New is { } now && !Has(now)) context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_nodes.Find(name) is not { } node || Has(node)) return Requeue.Never;
        await _context.Client.StrategicPatchAsync(
            Resources.Nodes, name, new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Annotation] = Wanted } } }, null, cancel);
        return Requeue.Never;
    }

    private string Wanted => TtlOf(_step).ToString(CultureInfo.InvariantCulture);

    private bool Has(V1Node node) => node.Metadata.Annotations is { } annotations && annotations.TryGetValue(Annotation, out var ttl) && ttl == Wanted;

    /// <summary>The step for so many nodes, coming from another. Pure.</summary>
    public static int StepOf(int step, int nodes)
    {
        while (nodes > Steps[step].NodesMax) step++;
        while (nodes < Steps[step].NodesMin) step--;
        return step;
    }

    public static int TtlOf(int step) => Steps[step].TtlSeconds;

    private bool StepChanged()
    {
        lock (_gate)
        {
            var before = _step;
            _step = StepOf(before, _nodes.List().Count);
            return _step != before;
        }
    }
}
