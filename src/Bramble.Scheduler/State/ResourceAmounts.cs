using Bramble.Api.Quantities;
using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>Amounts of what a node has and pods ask for. CPU in thousandths, everything else in units (bytes, pieces).</summary>
internal sealed class ResourceAmounts
{
    private readonly Dictionary<string, long> _amounts = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> All => _amounts;

    public long this[string resource] => _amounts.GetValueOrDefault(resource);

    public static ResourceAmounts Of(IDictionary<string, ResourceQuantity>? quantities)
    {
        var amounts = new ResourceAmounts();
        foreach (var (name, quantity) in quantities ?? new Dictionary<string, ResourceQuantity>()) amounts._amounts[name] = Amount(name, quantity);
        return amounts;
    }

    public void Add(ResourceAmounts other, int sign = 1)
    {
        foreach (var (name, amount) in other._amounts) _amounts[name] = _amounts.GetValueOrDefault(name) + (sign * amount);
    }

    public void Add(string resource, long amount) => _amounts[resource] = _amounts.GetValueOrDefault(resource) + amount;

    public void Set(string resource, long amount) => _amounts[resource] = amount;

    public void RaiseTo(ResourceAmounts other)
    {
        foreach (var (name, amount) in other._amounts) _amounts[name] = Math.Max(_amounts.GetValueOrDefault(name), amount);
    }

    private static long Amount(string name, ResourceQuantity quantity)
    {
        if (!Quantity.TryParse(quantity.ToString(), out var parsed, out _)) return 0;
        return name == "cpu" ? parsed.ToMillis() : parsed.ToUnits();
    }
}
