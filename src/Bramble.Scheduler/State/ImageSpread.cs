using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>Which nodes have which images, as their status tells. Not thread-safe: part of <see cref="ClusterState"/>.</summary>
internal sealed class ImageSpread
{
    private readonly Dictionary<string, Known> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _ofNode = new(StringComparer.Ordinal);

    public bool IsEmpty => _byName.Count == 0;

    /// <param name="images">Null or empty: none any more.</param>
    public void Set(string node, IList<V1ContainerImage>? images)
    {
        if (_ofNode.Remove(node, out var before))
            foreach (var name in before)
                if (_byName.TryGetValue(name, out var known) && known.Nodes.Remove(node) && known.Nodes.Count == 0) _byName.Remove(name);
        if (images is not { Count: > 0 }) return;
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var image in images)
        {
            foreach (var name in image.Names ?? [])
            {
                if (!names.Add(name)) continue;
                if (!_byName.TryGetValue(name, out var known)) _byName.Add(name, known = new Known(image.SizeBytes ?? 0));
                known.Nodes.Add(node);
            }
        }
        _ofNode.Add(node, names);
    }

    /// <summary>Size in bytes and how many nodes have it; null: this node does not.</summary>
    public (long SizeBytes, int NodeCount)? Find(string image, string node) =>
        _byName.TryGetValue(image, out var known) && known.Nodes.Contains(node) ? (known.SizeBytes, known.Nodes.Count) : null;

    private sealed record Known(long SizeBytes)
    {
        public HashSet<string> Nodes { get; } = new(StringComparer.Ordinal);
    }
}
