using System.Globalization;
using k8s.Models;

namespace Bramble.Kubelet.Eviction;

/// <summary>One eviction threshold: <c>memory.available&lt;100Mi</c>, <c>nodefs.available&lt;5%</c>.</summary>
/// <param name="Amount">Bytes or count; with <paramref name="Percent"/> not null a share of the capacity.</param>
internal readonly record struct Threshold(string Signal, decimal Amount, decimal? Percent)
{
    public decimal Of(decimal capacity) => Percent is { } percent ? capacity * percent / 100 : Amount;

    /// <summary>K3s' defaults where nothing is said: disk only, so that a small board's page cache evicts nobody.</summary>
    public static readonly IReadOnlyList<Threshold> Default = [new("imagefs.available", 0, 5), new("nodefs.available", 0, 5)];

    /// <exception cref="FormatException">With the text that is wrong.</exception>
    public static IReadOnlyList<Threshold> Parse(string? text)
    {
        if (text is null) return Default;
        var result = new List<Threshold>();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (part.Split('<', 2) is not [var signal, var value]) throw new FormatException($"invalid eviction threshold {part}: want signal<value");
            if (value.EndsWith('%'))
            {
                if (!decimal.TryParse(value[..^1], NumberStyles.Number, CultureInfo.InvariantCulture, out var percent))
                    throw new FormatException($"invalid eviction threshold {part}: {value} is not a percentage");
                if (percent > 0) result.Add(new(signal, 0, percent));
            }
            else result.Add(new(signal, ((ResourceQuantity)value).ToDecimal(), null));
        }
        return result;
    }
}
