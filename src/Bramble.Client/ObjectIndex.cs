namespace Bramble.Client;

/// <summary>Objects by a value computed from them. Not thread-safe: guarded by its informer.</summary>
internal sealed class ObjectIndex(Func<KubeObject, IEnumerable<string>> values)
{
    private readonly Dictionary<string, HashSet<KubeObject>> _byValue = new(StringComparer.Ordinal);

    public IReadOnlyList<KubeObject> Find(string value) => _byValue.TryGetValue(value, out var found) ? [.. found] : [];

    public void Replace(KubeObject? old, KubeObject? now)
    {
        if (old is not null)
            foreach (var value in values(old))
                if (_byValue.TryGetValue(value, out var set) && set.Remove(old) && set.Count == 0) _byValue.Remove(value);
        if (now is null) return;
        foreach (var value in values(now))
        {
            if (!_byValue.TryGetValue(value, out var set)) _byValue.Add(value, set = []);
            set.Add(now);
        }
    }
}
