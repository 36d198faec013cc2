using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Caching;

/// <summary>An immutable map of objects in the order of their store keys (<c>namespace/name</c>, ordinal), so one namespace is one range.
/// A change copies one leaf and the list of leaves and shares the rest: an old version is only a kept reference.</summary>
/// <remarks>Leaves hold up to 64 objects at 8 bytes each; with 10,000 objects a change copies some 3 KB.</remarks>
internal sealed class ObjectMap
{
    private const int LeafMax = 64;
    public static readonly ObjectMap Empty = new([], 0);

    private readonly KubeObject[][] _leaves; // no empty leaf; all objects of a leaf sort before those of the next

    private ObjectMap(KubeObject[][] leaves, int count) => (_leaves, Count) = (leaves, count);

    public int Count { get; }

    /// <param name="sorted">In key order, each key once.</param>
    public static ObjectMap Build(IReadOnlyList<KubeObject> sorted)
    {
        if (sorted.Count == 0) return Empty;
        const int fill = LeafMax * 3 / 4; // room for inserts before the first split
        var leaves = new KubeObject[(sorted.Count + fill - 1) / fill][];
        for (var i = 0; i < leaves.Length; i++) leaves[i] = [.. sorted.Skip(i * fill).Take(fill)];
        return new ObjectMap(leaves, sorted.Count);
    }

    public KubeObject? Find(NamespacedName name)
    {
        if (_leaves.Length == 0) return null;
        var leaf = _leaves[LeafOf(name)];
        var at = Search(leaf, name);
        return at >= 0 ? leaf[at] : null;
    }

    public ObjectMap With(KubeObject obj)
    {
        if (_leaves.Length == 0) return new ObjectMap([[obj]], 1);
        var l = LeafOf(obj.Name);
        var leaf = _leaves[l];
        var at = Search(leaf, obj.Name);
        if (at >= 0)
        {
            var changed = (KubeObject[])leaf.Clone();
            changed[at] = obj;
            return new ObjectMap(Replace(l, changed), Count);
        }
        at = ~at;
        var grown = new KubeObject[leaf.Length + 1];
        leaf.AsSpan(0, at).CopyTo(grown);
        grown[at] = obj;
        leaf.AsSpan(at).CopyTo(grown.AsSpan(at + 1));
        if (grown.Length <= LeafMax) return new ObjectMap(Replace(l, grown), Count + 1);
        // Ever growing keys (event names) fill leaves best when the last leaf is split at its end.
        var cut = l == _leaves.Length - 1 && at == leaf.Length ? LeafMax : grown.Length / 2;
        var leaves = new KubeObject[_leaves.Length + 1][];
        _leaves.AsSpan(0, l).CopyTo(leaves);
        leaves[l] = grown[..cut];
        leaves[l + 1] = grown[cut..];
        _leaves.AsSpan(l + 1).CopyTo(leaves.AsSpan(l + 2));
        return new ObjectMap(leaves, Count + 1);
    }

    public ObjectMap Without(NamespacedName name)
    {
        if (_leaves.Length == 0) return this;
        var l = LeafOf(name);
        var leaf = _leaves[l];
        var at = Search(leaf, name);
        if (at < 0) return this;
        if (leaf.Length == 1)
        {
            if (_leaves.Length == 1) return Empty;
            var fewer = new KubeObject[_leaves.Length - 1][];
            _leaves.AsSpan(0, l).CopyTo(fewer);
            _leaves.AsSpan(l + 1).CopyTo(fewer.AsSpan(l));
            return new ObjectMap(fewer, Count - 1);
        }
        var shrunk = new KubeObject[leaf.Length - 1];
        leaf.AsSpan(0, at).CopyTo(shrunk);
        leaf.AsSpan(at + 1).CopyTo(shrunk.AsSpan(at));
        return new ObjectMap(Replace(l, shrunk), Count - 1);
    }

    /// <summary>Objects of a namespace (empty: of all), in key order, from the first at or after <paramref name="from"/>.</summary>
    public IEnumerable<KubeObject> Range(string ns, NamespacedName from = default)
    {
        if (_leaves.Length == 0) yield break;
        var start = from.Name is { Length: > 0 } ? from : new NamespacedName(ns, "");
        var l = LeafOf(start);
        var at = Search(_leaves[l], start);
        if (at < 0) at = ~at;
        for (; l < _leaves.Length; l++, at = 0)
        {
            var leaf = _leaves[l];
            for (; at < leaf.Length; at++)
            {
                if (ns.Length > 0 && leaf[at].Name.Namespace != ns) yield break;
                yield return leaf[at];
            }
        }
    }

    /// <summary>Order of the keys <c>namespace/name</c> without making them: "a-b/x" sorts before "a/x" because '-' sorts before '/'.</summary>
    public static int Compare(NamespacedName a, NamespacedName b)
    {
        if (a.Namespace == b.Namespace) return string.CompareOrdinal(a.Name, b.Name);
        if (a.Namespace.Length == 0 || b.Namespace.Length == 0) return a.Namespace.Length - b.Namespace.Length;
        var shared = a.Namespace.AsSpan().CommonPrefixLength(b.Namespace);
        var ca = shared < a.Namespace.Length ? a.Namespace[shared] : '/';
        var cb = shared < b.Namespace.Length ? b.Namespace[shared] : '/';
        return ca - cb;
    }

    private KubeObject[][] Replace(int at, KubeObject[] leaf)
    {
        var leaves = (KubeObject[][])_leaves.Clone();
        leaves[at] = leaf;
        return leaves;
    }

    /// <summary>The last leaf whose first object is not after the name; the first leaf when all are.</summary>
    private int LeafOf(NamespacedName name)
    {
        int low = 0, high = _leaves.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (Compare(_leaves[middle][0].Name, name) <= 0) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    private static int Search(KubeObject[] leaf, NamespacedName name)
    {
        int low = 0, high = leaf.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var order = Compare(leaf[middle].Name, name);
            if (order == 0) return middle;
            if (order < 0) low = middle + 1;
            else high = middle - 1;
        }
        return ~low;
    }
}
