using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.Scheduler.Devices;

/// <summary>What claims hold: whole devices, and capacity of devices that several may use (KEP-5075). What administrators look at is held by nobody.</summary>
internal sealed class DevicesInUse
{
    private readonly Dictionary<DeviceId, int> _whole;       // by how many: two, when another scheduler did not see the first
    private readonly Dictionary<DeviceId, Shares> _shared;

    public DevicesInUse() => (_whole, _shared) = ([], []);

    private DevicesInUse(DevicesInUse other)
    {
        _whole = new(other._whole);
        _shared = new(other._shared.Count);
        foreach (var (device, shares) in other._shared) _shared.Add(device, new Shares(shares));
    }

    public bool HasWhole(DeviceId device) => _whole.ContainsKey(device);

    public bool HasShare(DeviceId device) => _shared.ContainsKey(device);

    public bool Has(DeviceId device) => HasWhole(device) || HasShare(device);

    /// <summary>The capacity of a device that is gone, by its name.</summary>
    public Quantity Consumed(DeviceId device, string capacity) => _shared.TryGetValue(device, out var shares) && shares.Consumed.TryGetValue(capacity, out var amount) ? amount : default;

    public void Hold(DeviceId device) => Count(device, 1);

    public void Add(JsonObject? allocation) => Change(allocation, 1);

    /// <summary>What <see cref="Add"/> added.</summary>
    public void Remove(JsonObject? allocation) => Change(allocation, -1);

    public DevicesInUse Copy() => new(this);

    private void Change(JsonObject? allocation, int by)
    {
        foreach (var result in (allocation?["devices"]?["results"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if ((bool?)result["adminAccess"] == true) continue;
            var id = new DeviceId((string)result["driver"]!, (string)result["pool"]!, (string)result["device"]!);
            if (result["shareID"] is null)
            {
                Count(id, by);
                continue;
            }

            if (!_shared.TryGetValue(id, out var shares)) _shared[id] = shares = new Shares();
            if ((shares.Count += by) == 0)
            {
                _shared.Remove(id);
                continue;
            }

            foreach (var (name, amount) in result["consumedCapacity"] as JsonObject ?? [])
            {
                if (!Quantity.TryParse((string?)amount ?? "", out var quantity, out _)) continue;
                var known = shares.Consumed.GetValueOrDefault(name);
                shares.Consumed[name] = by > 0 ? known + quantity : known - quantity;
            }
        }
    }

    private void Count(DeviceId device, int by)
    {
        var count = _whole.GetValueOrDefault(device) + by;
        if (count == 0) _whole.Remove(device);
        else _whole[device] = count;
    }

    private sealed class Shares
    {
        public Shares() => Consumed = new(StringComparer.Ordinal);

        public Shares(Shares other) => (Count, Consumed) = (other.Count, new(other.Consumed, StringComparer.Ordinal));

        public int Count { get; set; }
        public Dictionary<string, Quantity> Consumed { get; }
    }
}
