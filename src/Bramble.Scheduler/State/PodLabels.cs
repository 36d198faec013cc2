namespace Bramble.Scheduler.State;

/// <summary>Namespace and labels of a Pod, as one comparable value: Pods of one ReplicaSet are alike to every selector, so they are counted together.</summary>
internal sealed class PodLabels : IEquatable<PodLabels>
{
    private readonly KeyValuePair<string, string>[] _sorted;
    private readonly int _hash;

    public PodLabels(string ns, IDictionary<string, string>? labels)
    {
        Namespace = ns;
        Labels = labels;
        _sorted = labels is not { Count: > 0 } ? [] : [.. labels.OrderBy(l => l.Key, StringComparer.Ordinal)];
        var hash = new HashCode();
        hash.Add(ns);
        foreach (var (key, value) in _sorted)
        {
            hash.Add(key);
            hash.Add(value);
        }
        _hash = hash.ToHashCode();
    }

    public string Namespace { get; }
    public IDictionary<string, string>? Labels { get; }

    public bool Equals(PodLabels? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is null || _hash != other._hash || Namespace != other.Namespace || _sorted.Length != other._sorted.Length) return false;
        for (var i = 0; i < _sorted.Length; i++)
            if (_sorted[i].Key != other._sorted[i].Key || _sorted[i].Value != other._sorted[i].Value) return false;
        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as PodLabels);

    public override int GetHashCode() => _hash;
}

/// <summary>How many Pods of a node have the same labels. Those that are being deleted are counted apart: topology spread does not look at them.</summary>
internal readonly record struct PodTally(int Staying, int Leaving)
{
    public int All => Staying + Leaving;
}
