namespace Bramble.Scheduler.State;

/// <summary>Namespace and labels of a Pod, as one comparable value: Pods of one ReplicaSet are alike to every selector, so they are counted together.</summary>
internal sealed class PodLabels : IEquatable<PodLabels>
{
    private readonly int _hash;

    public PodLabels(string ns, IDictionary<string, string>? labels)
    {
        Namespace = ns;
        Labels = labels;
        var hash = 0;
        if (labels is not null)
            foreach (var (key, value) in labels) hash ^= HashCode.Combine(key, value);
        _hash = HashCode.Combine(ns, hash);
    }

    public string Namespace { get; }
    public IDictionary<string, string>? Labels { get; }

    public bool Equals(PodLabels? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is null || _hash != other._hash || Namespace != other.Namespace || (Labels?.Count ?? 0) != (other.Labels?.Count ?? 0)) return false;
        if (Labels is null) return true;
        foreach (var (key, value) in Labels)
            if (!other.Labels!.TryGetValue(key, out var has) || has != value) return false;
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
