using Bramble.Api.Quantities;
using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>Amounts of what a node has and pods ask for: CPU in thousandths, bytes, pieces. The everyday resources are fields, so that comparing costs no look-up.</summary>
internal sealed class ResourceAmounts
{
    public const string Cpu = "cpu", Memory = "memory", EphemeralStorage = "ephemeral-storage", Pods = "pods";

    public long CpuMillicores { get; set; }
    public long MemoryBytes { get; set; }
    public long EphemeralBytes { get; set; }

    /// <summary>How many Pods a node takes; 0 in what a Pod asks for.</summary>
    public long PodCount { get; set; }

    /// <summary>Extended resources, huge pages, attachable volumes; null: none.</summary>
    public Dictionary<string, long>? Scalars { get; private set; }

    public long this[string resource]
    {
        get => resource switch
        {
            Cpu => CpuMillicores,
            Memory => MemoryBytes,
            EphemeralStorage => EphemeralBytes,
            Pods => PodCount,
            _ => Scalars is not null && Scalars.TryGetValue(resource, out var amount) ? amount : 0,
        };
        set
        {
            switch (resource)
            {
                case Cpu: CpuMillicores = value; break;
                case Memory: MemoryBytes = value; break;
                case EphemeralStorage: EphemeralBytes = value; break;
                case Pods: PodCount = value; break;
                default:
                    if (IsScalar(resource)) (Scalars ??= new(StringComparer.Ordinal))[resource] = value;
                    break;
            }
        }
    }

    /// <summary>The scheduler counts extended resources (<c>vendor.com/gpu</c>), huge pages and attachable volumes; other plain names mean nothing to it.</summary>
    public static bool IsScalar(string resource) =>
        resource.Contains('/') || resource.StartsWith("hugepages-", StringComparison.Ordinal) || resource.StartsWith("attachable-volumes-", StringComparison.Ordinal);

    public static ResourceAmounts Of(IDictionary<string, ResourceQuantity>? quantities)
    {
        var amounts = new ResourceAmounts();
        if (quantities is null) return amounts;
        foreach (var (name, quantity) in quantities) amounts[name] = Amount(name, quantity);
        return amounts;
    }

    /// <summary>CPU in thousandths, all else in units; both rounded up.</summary>
    public static long Amount(string name, ResourceQuantity quantity)
    {
        if (!Quantity.TryParse(quantity.ToString(), out var parsed, out _)) return 0;
        return name == Cpu ? parsed.ToMillis() : parsed.ToUnits();
    }

    public void Add(ResourceAmounts other, int sign = 1)
    {
        CpuMillicores += sign * other.CpuMillicores;
        MemoryBytes += sign * other.MemoryBytes;
        EphemeralBytes += sign * other.EphemeralBytes;
        PodCount += sign * other.PodCount;
        if (other.Scalars is null) return;
        foreach (var (name, amount) in other.Scalars) this[name] += sign * amount;
    }

    /// <summary>Each amount at least that of <paramref name="other"/>.</summary>
    public void RaiseTo(ResourceAmounts other)
    {
        CpuMillicores = Math.Max(CpuMillicores, other.CpuMillicores);
        MemoryBytes = Math.Max(MemoryBytes, other.MemoryBytes);
        EphemeralBytes = Math.Max(EphemeralBytes, other.EphemeralBytes);
        if (other.Scalars is null) return;
        foreach (var (name, amount) in other.Scalars)
            if (amount > this[name] || Scalars?.ContainsKey(name) != true) this[name] = amount;
    }

    public ResourceAmounts Copy()
    {
        var copy = new ResourceAmounts();
        copy.Add(this);
        return copy;
    }

    /// <summary>True when something is less than in <paramref name="before"/>.</summary>
    public bool IsLessAnywhereThan(ResourceAmounts before)
    {
        if (CpuMillicores < before.CpuMillicores || MemoryBytes < before.MemoryBytes || EphemeralBytes < before.EphemeralBytes) return true;
        if (before.Scalars is null) return false;
        foreach (var (name, amount) in before.Scalars)
            if (this[name] < amount) return true;
        return false;
    }
}
