using System.Net;
using System.Numerics;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>Blocks of one cluster range: which is free.</summary>
internal static class PodCidrs
{
    /// <summary>The first block of <paramref name="range"/> with this mask that overlaps none of the taken ones; null: none.</summary>
    public static string? FirstFree(IPNetwork range, int maskSize, IEnumerable<IPNetwork> taken)
    {
        var bytes = range.BaseAddress.GetAddressBytes();
        var bits = bytes.Length * 8;
        if (maskSize < range.PrefixLength || maskSize > bits) return null;
        var start = new BigInteger(bytes, isUnsigned: true, isBigEndian: true);
        var size = BigInteger.One << (bits - maskSize);
        var count = BigInteger.One << Math.Min(maskSize - range.PrefixLength, 16);
        var used = taken.Where(t => t.BaseAddress.AddressFamily == range.BaseAddress.AddressFamily).ToList();
        for (BigInteger i = 0; i < count; i++)
        {
            var block = new IPNetwork(ToAddress(start + (i * size), bytes.Length), maskSize);
            if (!used.Exists(t => t.Contains(block.BaseAddress) || block.Contains(t.BaseAddress))) return block.ToString();
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

    public NodeIpamController(ControllerContext context)
    {
        _context = context;
        _nodes = context.Watches(Resources.Nodes, change =>
        {
            if (change.New is { } node && string.IsNullOrEmpty(node.Spec?.PodCIDR)) context.Queue.Add(change.Name);
        });
    }

    /// <remarks>One worker: two nodes must not get one block.</remarks>
    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(default, _context.Time, cancel);
        if (_nodes.Find(name) is not { } node || !string.IsNullOrEmpty(node.Spec?.PodCIDR) || _context.Config.ClusterCidr.Count == 0) return Requeue.Never;
        var taken = _nodes.List().SelectMany(n => n.Spec?.PodCIDRs ?? (n.Spec?.PodCIDR is { } one ? [one] : []))
            .Select(c => IPNetwork.TryParse(c, out var network) ? network : (IPNetwork?)null).OfType<IPNetwork>().ToList();
        var given = new JsonArray();
        foreach (var text in _context.Config.ClusterCidr)
        {
            var range = IPNetwork.Parse(text);
            var mask = range.BaseAddress.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? _context.Config.NodeMaskSizeIPv6 : _context.Config.NodeMaskSizeIPv4;
            if (PodCidrs.FirstFree(range, mask, taken) is not { } block)
            {
                _context.Events.Normal(EventSubject.Of(Resources.Nodes, node), "CIDRNotAvailable", $"Node {name.Name} status is now: CIDRNotAvailable");
                ControllersLog.NoFreePodCidr(_context.Log, name.Name, text, mask);
                return Requeue.After(TimeSpan.FromMinutes(1));
            }
            given.Add((JsonNode)block);
        }
        var patch = new JsonObject { ["spec"] = new JsonObject { ["podCIDR"] = given[0]!.DeepClone(), ["podCIDRs"] = given } };
        _writes.Wrote(default, _nodes, await _context.Client.StrategicPatchAsync(Resources.Nodes, name, patch, null, cancel));
        return Requeue.Never;
    }
}
