using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.Scheduler.Devices;

/// <summary>What claims hold: whole devices, and capacity of devices that several may use (KEP-5075). What administrators look at is held by nobody.</summary>
internal sealed class DevicesInUse
{
    private readonly HashSet<DeviceId> _whole = [];
    private readonly Dictionary<DeviceId, Dictionary<string, Quantity>> _shared = [];

    public bool HasWhole(DeviceId device) => _whole.Contains(device);

    public bool HasShare(DeviceId device) => _shared.ContainsKey(device);

    public bool Has(DeviceId device) => HasWhole(device) || HasShare(device);

    /// <summary>The capacity of a device that is gone, by its name.</summary>
    public Quantity Consumed(DeviceId device, string capacity) => _shared.TryGetValue(device, out var consumed) && consumed.TryGetValue(capacity, out var amount) ? amount : default;

    public void Hold(DeviceId device) => _whole.Add(device);

    public void Add(JsonObject? allocation)
    {
        foreach (var result in (allocation?["devices"]?["results"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if ((bool?)result["adminAccess"] == true) continue;
            var id = new DeviceId((string)result["driver"]!, (string)result["pool"]!, (string)result["device"]!);
            if (result["shareID"] is null)
            {
                _whole.Add(id);
                continue;
            }

            if (!_shared.TryGetValue(id, out var consumed)) _shared[id] = consumed = new(StringComparer.Ordinal);
            foreach (var (name, amount) in result["consumedCapacity"] as JsonObject ?? [])
                if (Quantity.TryParse((string?)amount ?? "", out var quantity, out _)) consumed[name] = consumed.TryGetValue(name, out var known) ? known + quantity : quantity;
        }
    }
}
