using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Strategies;

/// <summary>Node ports in use: those of the Services in the cache, and those promised to writes that are not in the cache yet.
/// Thread-safe; a promise that its write never confirms is forgotten after a minute.</summary>
internal sealed class NodePortAllocator(ServiceNetwork network)
{
    private static readonly GroupResource Services = new("", "services");
    private static readonly TimeSpan PromiseLife = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<int, DateTimeOffset> _promised = [];
    private HashSet<int> _stored = [];
    private long _storedRevision = -1;

    public string ValidRange => $"{network.NodePortFirst}-{network.NodePortLast}";

    public bool IsInRange(int port) => port >= network.NodePortFirst && port <= network.NodePortLast;

    /// <summary>False when the port is taken.</summary>
    public bool TryTake(int port, StrategyContext context)
    {
        lock (_lock)
        {
            Refresh(context);
            if (_stored.Contains(port) || _promised.ContainsKey(port)) return false;
            _promised[port] = context.Now;
            return true;
        }
    }

    /// <summary>A free port, at random from the upper part of the range first: the lower part is for ports that users choose (KEP-3668). Null when all are taken.</summary>
    public int? Take(StrategyContext context)
    {
        lock (_lock)
        {
            Refresh(context);
            var size = network.NodePortLast - network.NodePortFirst + 1;
            var reserved = size <= 16 ? 0 : Math.Clamp(size / 32, 16, 128);
            return TakeFrom(network.NodePortFirst + reserved, size - reserved, context) ?? TakeFrom(network.NodePortFirst, reserved, context);
        }
    }

    /// <summary>Gives a promised port back.</summary>
    public void Release(int port)
    {
        lock (_lock) _promised.Remove(port);
    }

    private int? TakeFrom(int first, int count, StrategyContext context)
    {
        if (count == 0) return null;
        var start = Random.Shared.Next(count);
        for (var i = 0; i < count; i++)
        {
            var port = first + ((start + i) % count);
            if (_stored.Contains(port) || !_promised.TryAdd(port, context.Now)) continue;
            return port;
        }

        return null;
    }

    private void Refresh(StrategyContext context)
    {
        var revision = context.Reader.Revision(Services);
        if (revision != _storedRevision)
        {
            var stored = new HashSet<int>();
            foreach (var service in context.Reader.List(Services)) CollectPorts(service.ToTree(), stored);
            (_stored, _storedRevision) = (stored, revision);
        }

        foreach (var (port, since) in _promised.ToList())
            if (_stored.Contains(port) || context.Now - since > PromiseLife) _promised.Remove(port);
    }

    public static void CollectPorts(JsonObject service, HashSet<int> ports)
    {
        var spec = service.Object("spec");
        foreach (var (_, port) in spec.Items("ports"))
            if (port.Long("nodePort") is not 0 and var number) ports.Add((int)number);
        if (spec.Long("healthCheckNodePort") is not 0 and var check) ports.Add((int)check);
    }
}
