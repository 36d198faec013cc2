using k8s.Models;

namespace Bramble.Scheduler.Devices;

/// <summary>All ResourceSlices by their pools, and which of those can concern a node: where each of a thousand nodes has a pool of its own, one is looked at for each. Immutable.</summary>
internal sealed class DevicePools
{
    private readonly IReadOnlyList<ResourceSlice>[] _pools;                                     // by driver and name
    private readonly Dictionary<string, List<int>> _ofNode = new(StringComparer.Ordinal);       // places in _pools, ascending
    private readonly List<int> _ofMany = [];

    /// <param name="slices">By name: of equally good devices the first of the first slice is taken.</param>
    public DevicePools(IReadOnlyList<ResourceSlice> slices)
    {
        _pools = [.. slices.GroupBy(s => $"{s.Driver}/{s.Pool}", StringComparer.Ordinal).OrderBy(p => p.First().Driver, StringComparer.Ordinal).ThenBy(p => p.First().Pool, StringComparer.Ordinal).Select(p => p.ToList())];
        for (var i = 0; i < _pools.Length; i++)
            foreach (var slice in _pools[i])
            {
                var places = _ofMany;
                // Counters are looked at wherever the node is.
                if (slice.Node.Length > 0 && slice.Counters.Count == 0 && !_ofNode.TryGetValue(slice.Node, out places)) _ofNode.Add(slice.Node, places = []);
                if (places.Count == 0 || places[^1] != i) places.Add(i);
            }
    }

    /// <summary>What the node reaches, by driver and name; pools with devices that have to be attached first are the last resort.</summary>
    public List<DevicePool> On(V1Node node)
    {
        List<DevicePool> pools = [], last = [];
        foreach (var slices in Near(node.Metadata.Name))
            if (DevicePool.Of(slices, node) is { } pool) (pool.HasBindingConditions ? last : pools).Add(pool);
        pools.AddRange(last);
        return pools;
    }

    /// <summary>The slices of each pool that has some for the node, or for many nodes.</summary>
    public IEnumerable<IReadOnlyList<ResourceSlice>> Near(string node)
    {
        List<int> own = _ofNode.GetValueOrDefault(node) ?? [], many = _ofMany;
        for (int i = 0, j = 0; i < own.Count || j < many.Count;)
        {
            var place = j == many.Count || (i < own.Count && own[i] <= many[j]) ? own[i] : many[j];
            if (i < own.Count && own[i] == place) i++;
            if (j < many.Count && many[j] == place) j++;
            yield return _pools[place];
        }
    }
}
