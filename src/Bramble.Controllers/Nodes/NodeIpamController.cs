using System.Net;
using System.Numerics;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>Blocks of one cluster range: which is free.</summary>
internal static class PodCidrs
{
    /// <summary>The next block of <paramref name="range"/> with this mask that overlaps none of the taken ones; null: none.</summary>
    /// <param name="next">Where to begin, and then where to go on: a block that a node gave back rests until all others have been given.</param>
    public static string? NextFree(IPNetwork range, int maskSize, IEnumerable<IPNetwork> taken, ref long next)
    {
        var bytes = range.BaseAddress.GetAddressBytes();
        var bits = bytes.Length * 8;
        if (maskSize < range.PrefixLength || maskSize > bits) return null;
        var start = new BigInteger(bytes, isUnsigned: true, isBigEndian: true);
        var size = BigInteger.One << (bits - maskSize);
        var count = 1L << Math.Min(maskSize - range.PrefixLength, 16);
        var used = taken.Where(t => t.BaseAddress.AddressFamily == range.BaseAddress.AddressFamily).ToList();
        for (var i = 0; i < count; i++)
        {
            var candidate = (next + i) % count;
            var block = new IPNetwork(ToAddress(start + (candidate * size), bytes.Length), maskSize);
            if (used.Exists(t => t.Contains(block.BaseAddress) || block.Contains(t.BaseAddress))) continue;
            next = (candidate + 1) % count;
            return block.ToString();
        }
        return null;
    }

    private static IPAddress ToAddress(BigInteger value, int length)
    {
        var bytes = value.ToByteArray(isUnsigned: true, isBigEndian: true);
        return new IPAddress([.. new byte[length - bytes.Length], .. bytes]);
    }
}

/// <summary>Gives each node its part of the pod network.</summary>
internal sealed class NodeIpamController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Node> _nodes;
    private readonly WriteBarrier _writes = new();

    /// <summary>The next block of each range.</summary>
    private readonly long[] _next;

    public NodeIpamController(ControllerContext context)
    {
        _context = context;
        _next = new long[context.Config.ClusterCidr.Count];
        _nodes = context.Watches(Resources.Nodes, change =>
        {
            if (change.New is { } node && string.IsNullOrEmpty(node.Spec?.PodCIDR)) context.Queue.Add(change.Name);
        });
    }

    /// <remarks>One worker: two nodes must not get one block.</remarks>
    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(default, _context.Time, cancel);
        if (_nodes.Find(name) is not { } node || node.IsBeingDeleted() || !string.IsNullOrEmpty(node.Spec?.PodCIDR) || _context.Config.ClusterCidr.Count == 0) return Requeue.Never;
        var taken = _nodes.List().SelectMany(n => n.Spec?.PodCIDRs ?? (n.Spec?.PodCIDR is { } one ? [one] : []))
            .Select(c => IPNetwork.TryParse(c, out var network) ? network : (IPNetwork?)null).OfType<IPNetwork>().ToList();
        // Services may have a part of the same range.
        taken.AddRange(_context.Config.ServiceCidrs);
        var given = new JsonArray();
        for (var i = 0; i < _next.Length; i++)
        {
            var text = _context.Config.ClusterCidr[i];
            var range = IPNetwork.Parse(text);
            var mask = range.BaseAddress.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? _context.Config.NodeMaskSizeIPv6 : _context.Config.NodeMaskSizeIPv4;
            if (PodCidrs.NextFree(range, mask, taken, ref _next[i]) is not { } block)
            {
                Tell("CIDRNotAvailable");
                ControllersLog.NoFreePodCidr(_context.Log, name.Name, text, mask);
                return Requeue.After(TimeSpan.FromMinutes(1));
            }
            given.Add((JsonNode)block);
        }
        var patch = new JsonObject { ["spec"] = new JsonObject { ["podCIDR"] = given[0]!.DeepClone(), ["podCIDRs"] = given } };
        try
        {
            _writes.Wrote(default, _nodes, await _context.Client.StrategicPatchAsync(Resources.Nodes, name, patch, null, cancel));
        }
        catch (StatusException)
        {
            Tell("CIDRAssignmentFailed");
            throw;
        }
        return Requeue.Never;

        void Tell(string state) => _context.Events.Normal(new EventSubject("v1", "Node", name, node.Metadata.Uid, ""), state, $"Node {name.Name} status is now: {state}");
    }
}
