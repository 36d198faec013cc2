using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.Client.Placement;
using k8s.Models;

namespace Bramble.Scheduler.Devices;

/// <summary>What one node reaches of a pool of devices.</summary>
/// <remarks>Only the newest generation counts. A pool that is being published (slices are missing) or contradicts itself gives no devices: a decision on half of it would
/// be a guess.</remarks>
internal sealed class DevicePool
{
    private DevicePool(IReadOnlyList<ResourceSlice> slices)
    {
        Id = $"{slices[0].Driver}/{slices[0].Pool}";
        Slices = slices;
    }

    /// <summary><c>driver/pool</c>.</summary>
    public string Id { get; }

    /// <summary>All of the generation, also those of other nodes: their devices may use up the same counters.</summary>
    public IReadOnlyList<ResourceSlice> Slices { get; }
    public bool IsIncomplete { get; private init; }
    public bool IsInvalid { get; private init; }

    /// <summary>Those that the node reaches; none where the pool cannot be used.</summary>
    public IReadOnlyList<Device> Devices { get; private init; } = [];
    public bool HasBindingConditions => Devices.Any(d => d.HasBindingConditions);

    /// <param name="slices">Of one pool, by name; all generations.</param>
    /// <returns>Null: nothing of it concerns the node.</returns>
    public static DevicePool? Of(IReadOnlyList<ResourceSlice> slices, V1Node node)
    {
        var relevant = slices.Where(s => Concerns(s, node)).ToList();
        if (relevant.Count == 0) return null;
        var generation = relevant.Max(s => s.Generation);
        relevant.RemoveAll(s => s.Generation != generation);
        var current = relevant;
        if (relevant.Count != relevant[0].SlicesOfPool)
        {
            // The rest may be other nodes'. Of a newer generation there is nothing for this node any more.
            if (slices.Any(s => s.Generation > generation)) return null;
            current = [.. slices.Where(s => s.Generation == generation)];
            if (current.Count != relevant[0].SlicesOfPool) return new(current) { IsIncomplete = true };
        }
        if (!IsConsistent(relevant, current)) return new(current) { IsInvalid = true };
        return new(current) { Devices = [.. relevant.SelectMany(s => s.Devices).Where(d => !d.Slice.IsPerDevice || Reaches(d.Tree, node))] };
    }

    public static bool Reaches(JsonObject place, V1Node node)
    {
        if ((string?)place["nodeName"] is { Length: > 0 } name) return name == node.Metadata.Name;
        if ((bool?)place["allNodes"] == true) return true;
        return place["nodeSelector"] is JsonObject selector && NodeSelection.Matches(DeviceAllocator.Model(selector), node);
    }

    /// <summary>What is left of the pool's counters (<c>set/counter</c>) beside the devices in use, wherever they are.</summary>
    public Dictionary<string, Quantity> CountersBeside(DevicesInUse held)
    {
        var left = new Dictionary<string, Quantity>(StringComparer.Ordinal);
        foreach (var set in Slices.SelectMany(s => s.Counters))
            foreach (var (name, counter) in set["counters"] as JsonObject ?? []) left[$"{(string?)set["name"]}/{name}"] = DeviceCapacity.Amount(counter?["value"]) ?? default;
        foreach (var device in Slices.SelectMany(s => s.Devices))
            if (held.Has(device.Id)) Consume(left, device);
        return left;
    }

    /// <returns>False: a counter of the pool is overdrawn, be it one that the device does not use.</returns>
    public static bool Consume(Dictionary<string, Quantity> counters, Device device)
    {
        foreach (var (key, amount) in Consumption(device)) counters[key] -= amount;
        foreach (var left in counters.Values)
            if (left.Sign < 0) return false;
        return true;
    }

    private static bool Concerns(ResourceSlice slice, V1Node node)
    {
        if (slice.Counters.Count > 0) return true;
        return slice.IsPerDevice ? slice.Devices.Any(d => Reaches(d.Tree, node)) : Reaches(slice.Spec, node);
    }

    /// <summary>No device of the node and no set of counters is there twice, and every counter that a device of the pool uses up is there.</summary>
    private static bool IsConsistent(List<ResourceSlice> relevant, List<ResourceSlice> current)
    {
        HashSet<string> devices = new(StringComparer.Ordinal), sets = new(StringComparer.Ordinal), counters = new(StringComparer.Ordinal);
        foreach (var device in relevant.SelectMany(s => s.Devices))
            if (!devices.Add(device.Id.Name)) return false;
        foreach (var set in relevant.SelectMany(s => s.Counters))
        {
            if (!sets.Add((string?)set["name"] ?? "")) return false;
            foreach (var (name, _) in set["counters"] as JsonObject ?? []) counters.Add($"{(string?)set["name"]}/{name}");
        }
        foreach (var device in current.SelectMany(s => s.Devices))
        {
            foreach (var set in (device.Tree["consumesCounters"] as JsonArray ?? []).OfType<JsonObject>())
                if (!sets.Contains((string?)set["counterSet"] ?? "")) return false;
            foreach (var (key, _) in Consumption(device))
                if (!counters.Contains(key)) return false;
        }
        return true;
    }

    private static IEnumerable<(string Key, Quantity Amount)> Consumption(Device device)
    {
        foreach (var set in (device.Tree["consumesCounters"] as JsonArray ?? []).OfType<JsonObject>())
            foreach (var (name, counter) in set["counters"] as JsonObject ?? [])
                yield return ($"{(string?)set["counterSet"]}/{name}", DeviceCapacity.Amount(counter?["value"]) ?? default);
    }
}
