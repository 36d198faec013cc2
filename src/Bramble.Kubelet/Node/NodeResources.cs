using System.Globalization;
using k8s.Models;

namespace Bramble.Kubelet.Node;

/// <summary>Capacity and allocatable of the node. Pure.</summary>
/// <param name="Capacity">What the machine has.</param>
/// <param name="Allocatable">What pods may ask for.</param>
/// <param name="Enforced">What all pods together may use: capacity without what is reserved. Eviction comes before that, so its thresholds are not in it.</param>
internal sealed record NodeResources(IReadOnlyDictionary<string, decimal> Capacity, IReadOnlyDictionary<string, decimal> Allocatable, IReadOnlyDictionary<string, decimal> Enforced)
{
    private static readonly string[] Suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

    /// <param name="reserved">kube-reserved and system-reserved together.</param>
    /// <param name="evictionMemoryBytes">Hard threshold of memory.available; <paramref name="evictionDiskBytes"/>: of nodefs.available.</param>
    public static NodeResources Of(
        Machine machine, long diskBytes, int podsMax, IReadOnlyDictionary<string, decimal> reserved, long evictionMemoryBytes, long evictionDiskBytes)
    {
        var capacity = new Dictionary<string, decimal>(StringComparer.Ordinal)
        {
            ["cpu"] = machine.Cores,
            ["ephemeral-storage"] = diskBytes,
            ["memory"] = machine.MemoryBytes,
            ["pods"] = podsMax,
        };
        // hugepages-2Mi; what is reserved for them is memory nobody else gets.
        foreach (var (pageKibibytes, bytes) in machine.HugePages) capacity[$"hugepages-{Show("memory", pageKibibytes * 1024)}"] = bytes;
        var allocatable = capacity.ToDictionary(
            p => p.Key,
            p => Math.Max(0, p.Value - reserved.GetValueOrDefault(p.Key) - p.Key switch
            {
                "memory" => evictionMemoryBytes + machine.HugePages.Values.Sum(),
                "ephemeral-storage" => evictionDiskBytes,
                _ => 0,
            }));
        return new(capacity, allocatable, capacity.ToDictionary(p => p.Key, p => Math.Max(0, p.Value - reserved.GetValueOrDefault(p.Key))));
    }

    /// <summary>As upstream writes it: bytes with the largest binary suffix that divides them, CPU in cores or millicores.</summary>
    public static string Show(string resource, decimal amount)
    {
        if (resource == "cpu")
            return amount == decimal.Truncate(amount) ? amount.ToString("0", CultureInfo.InvariantCulture) : (amount * 1000).ToString("0", CultureInfo.InvariantCulture) + "m";
        if (resource == "pods") return amount.ToString("0", CultureInfo.InvariantCulture);
        var step = 0;
        while (amount != 0 && amount % 1024 == 0 && step < Suffixes.Length - 1)
        {
            amount /= 1024;
            step++;
        }
        return amount.ToString("0", CultureInfo.InvariantCulture) + Suffixes[step];
    }

    /// <summary><c>cpu=100m,memory=200Mi</c> → amounts.</summary>
    public static Dictionary<string, decimal> Parse(string? text) =>
        (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(p => p.Split('=', 2)).Where(p => p.Length == 2)
            .ToDictionary(p => p[0], p => ((ResourceQuantity)p[1]).ToDecimal());
}
