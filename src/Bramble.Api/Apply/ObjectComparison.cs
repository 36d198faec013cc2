using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>What one object has, lacks or has otherwise than another, as paths (typed.Comparison). No path is in two of the sets.</summary>
internal sealed class ObjectComparison
{
    private readonly List<string> _path = [];

    public FieldSet Added { get; private set; } = new();
    public FieldSet Removed { get; private set; } = new();
    public FieldSet Modified { get; private set; } = new();

    public static ObjectComparison Of(JsonNode old, JsonNode changed, SchemaType type)
    {
        var comparison = new ObjectComparison();
        comparison.Compare(new(true, old), new(true, changed), type);
        return comparison;
    }

    /// <summary>Without fields that the endpoint's strategy resets anyway.</summary>
    public ObjectComparison WrittenBy(FieldWrite write)
    {
        (Added, Removed, Modified) = (write.Written(Added), write.Written(Removed), write.Written(Modified));
        return this;
    }

    /// <summary>A value that is there (perhaps null) or is not there.</summary>
    private readonly record struct Value(bool Exists, JsonNode? Node)
    {
        public static readonly Value None = new(false, null);
    }

    private void Compare(Value left, Value right, SchemaType type)
    {
        var leftAtom = Atoms.Of(type, left.Node);
        var rightAtom = Atoms.Of(type, right.Node);
        var isLeaf = false;
        if (!right.Exists)
        {
            isLeaf = CompareAs(leftAtom, left, right, type);
        }
        else if (!left.Exists || leftAtom == rightAtom)
        {
            isLeaf = CompareAs(rightAtom, left, right, type);
        }
        else
        {
            CompareAs(leftAtom, left, right, type);
            isLeaf = CompareAs(rightAtom, left, right, type);
        }
        if (isLeaf) return;
        if (!left.Exists) Added.Insert(_path);
        else if (!right.Exists) Removed.Insert(_path);
    }

    /// <returns>True: compared as one value.</returns>
    private bool CompareAs(Atom atom, Value left, Value right, SchemaType type)
    {
        switch (atom)
        {
            case Atom.Map:
                var leftMap = left.Node as JsonObject;
                var rightMap = right.Node as JsonObject;
                if (Atoms.IsAtomic(type, atom) || (leftMap is not { Count: > 0 } && rightMap is not { Count: > 0 })) return Leaf(left, right);
                CompareMaps(leftMap ?? [], rightMap ?? [], type);
                return false;
            case Atom.List:
                var leftList = left.Node as JsonArray;
                var rightList = right.Node as JsonArray;
                if (Atoms.IsAtomic(type, atom) || (leftList is not { Count: > 0 } && rightList is not { Count: > 0 })) return Leaf(left, right);
                CompareLists(leftList ?? [], rightList ?? [], type);
                return false;
            default:
                return Leaf(left, right);
        }
    }

    private bool Leaf(Value left, Value right)
    {
        if (!left.Exists) Added.Insert(_path);
        else if (!right.Exists) Removed.Insert(_path);
        else if (!JsonNode.DeepEquals(left.Node, right.Node)) Modified.Insert(_path);
        return true;
    }

    private void CompareMaps(JsonObject left, JsonObject right, SchemaType type)
    {
        foreach (var (name, value) in left)
        {
            var other = right.TryGetPropertyValue(name, out var node) ? new Value(true, node) : Value.None;
            CompareMember(name, new(true, value), other, type);
        }
        foreach (var (name, value) in right)
            if (!left.ContainsKey(name)) CompareMember(name, Value.None, new(true, value), type);
    }

    private void CompareMember(string name, Value left, Value right, SchemaType type)
    {
        if (Atoms.Member(type, name) is not { } memberType) return;
        _path.Add(PathElement.Field(name));
        Compare(left, right, memberType);
        _path.RemoveAt(_path.Count - 1);
    }

    private void CompareLists(JsonArray left, JsonArray right, SchemaType type)
    {
        var order = new List<string>();
        var leftItems = Index(left, type, order);
        var rightItems = Index(right, type, order);
        foreach (var element in order)
        {
            var l = leftItems.GetValueOrDefault(element) ?? [];
            var r = rightItems.GetValueOrDefault(element) ?? [];
            _path.Add(element);
            if (l.Count <= 1 && r.Count <= 1)
            {
                Compare(l.Count > 0 ? new(true, l[0]) : Value.None, r.Count > 0 ? new(true, r[0]) : Value.None, type.Element!);
            }
            else if (l.Count >= 2 && r.Count >= 2)
            {
                // Repeated items are one value together.
                if (l.Count != r.Count || !l.Zip(r).All(p => JsonNode.DeepEquals(p.First, p.Second))) Modified.Insert(_path);
            }
            else if (l.Count >= 2)
            {
                if (r.Count > 0) Compare(Value.None, new(true, r[0]), type.Element!);
                Removed.Insert(_path);
            }
            else
            {
                if (l.Count > 0) Compare(new(true, l[0]), Value.None, type.Element!);
                Added.Insert(_path);
            }
            _path.RemoveAt(_path.Count - 1);
        }
    }

    private static Dictionary<string, List<JsonNode?>> Index(JsonArray list, SchemaType type, List<string> order)
    {
        var items = new Dictionary<string, List<JsonNode?>>(StringComparer.Ordinal);
        foreach (var item in list)
        {
            if (PathElement.OfItem(item, type, out _) is not { } element) continue;
            if (!items.TryGetValue(element, out var same)) items.Add(element, same = []);
            if (same.Count == 0 && !order.Contains(element)) order.Add(element);
            same.Add(item);
        }
        return items;
    }
}
