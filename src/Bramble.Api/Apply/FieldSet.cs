using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>A set of paths into an object (structured-merge-diff's fieldpath.Set, FieldsV1 on the wire). Operations give new sets; <see cref="Insert"/> alone changes one.</summary>
internal sealed class FieldSet
{
    private readonly HashSet<string> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FieldSet> _children = new(StringComparer.Ordinal);

    public bool IsEmpty => _members.Count == 0 && _children.Values.All(c => c.IsEmpty);

    public void Insert(IReadOnlyList<string> path)
    {
        if (path.Count == 0) return;
        var set = this;
        for (var i = 0; i < path.Count - 1; i++)
        {
            if (!set._children.TryGetValue(path[i], out var child)) set._children.Add(path[i], child = new FieldSet());
            set = child;
        }
        set._members.Add(path[^1]);
    }

    public static FieldSet Of(params IReadOnlyList<string[]> paths)
    {
        var set = new FieldSet();
        foreach (var path in paths) set.Insert(path.Select(PathElement.Field).ToArray());
        return set;
    }

    /// <summary>True when the one-step path is a member.</summary>
    public bool HasMember(string element) => _members.Contains(element);

    public bool Has(IReadOnlyList<string> path)
    {
        var set = this;
        for (var i = 0; i < path.Count - 1; i++)
            if (!set._children.TryGetValue(path[i], out set!)) return false;
        return set._members.Contains(path[^1]);
    }

    /// <summary>What lies below an element; null when nothing does.</summary>
    public FieldSet? Below(string element) => _children.TryGetValue(element, out var child) && !child.IsEmpty ? child : null;

    public FieldSet Union(FieldSet other)
    {
        var result = new FieldSet();
        result._members.UnionWith(_members);
        result._members.UnionWith(other._members);
        foreach (var (element, child) in _children)
            result._children[element] = other._children.TryGetValue(element, out var otherChild) ? child.Union(otherChild) : child;
        foreach (var (element, child) in other._children) result._children.TryAdd(element, child);
        return result;
    }

    public FieldSet Intersection(FieldSet other)
    {
        var result = new FieldSet();
        foreach (var element in _members)
            if (other._members.Contains(element)) result._members.Add(element);
        foreach (var (element, child) in _children)
            if (other._children.TryGetValue(element, out var otherChild)) result.AddChild(element, child.Intersection(otherChild));
        return result;
    }

    /// <summary>Without the paths of the other; what lies below them stays.</summary>
    public FieldSet Difference(FieldSet other)
    {
        var result = new FieldSet();
        foreach (var element in _members)
            if (!other._members.Contains(element)) result._members.Add(element);
        foreach (var (element, child) in _children)
            result.AddChild(element, other._children.TryGetValue(element, out var otherChild) ? child.Difference(otherChild) : child);
        return result;
    }

    /// <summary>Without the paths of the other and all below them.</summary>
    public FieldSet RecursiveDifference(FieldSet other)
    {
        var result = new FieldSet();
        foreach (var element in _members)
            if (!other._members.Contains(element)) result._members.Add(element);
        foreach (var (element, child) in _children)
            if (!other._members.Contains(element))
                result.AddChild(element, other._children.TryGetValue(element, out var otherChild) ? child.RecursiveDifference(otherChild) : child);
        return result;
    }

    /// <summary>Only what lies on one of the paths or below its end; "*" is any step.</summary>
    public FieldSet On(IReadOnlyList<string[]> paths, int depth = 0)
    {
        if (paths.Any(path => path.Length == depth)) return this;
        bool Fits(string[] path, string element) => path[depth] == "*" || PathElement.Field(path[depth]) == element;
        var result = new FieldSet();
        foreach (var element in _members)
            if (paths.Any(path => Fits(path, element))) result._members.Add(element);
        foreach (var (element, child) in _children)
        {
            var fitting = paths.Where(path => Fits(path, element)).ToList();
            if (fitting.Count > 0) result.AddChild(element, child.On(fitting, depth + 1));
        }
        return result;
    }

    /// <summary>With each declared field that has something below it as a member too.</summary>
    public FieldSet WithNamedFieldsAsMembers(SchemaType? type)
    {
        var result = new FieldSet();
        result._members.UnionWith(_members);
        foreach (var (element, child) in _children)
        {
            SchemaType? childType = null;
            if (element[0] == 'f' && type is { Kind: SchemaKind.Struct or SchemaKind.Map })
            {
                var field = type.FindField(element[2..]);
                if (field is not null) result._members.Add(element);
                childType = field?.Type ?? type.Element;
            }
            else if (element[0] == 'k' && type?.Kind == SchemaKind.Array)
            {
                childType = type.Element;
            }
            result.AddChild(element, child.WithNamedFieldsAsMembers(childType));
        }
        return result;
    }

    /// <summary>As the type of now has it: of what has become one value no part is owned, but the whole (typed.ReconcileFieldSetWithSchema).</summary>
    public FieldSet AsOf(SchemaType type)
    {
        var result = new FieldSet();
        result._members.UnionWith(_members);
        foreach (var (element, child) in _children)
        {
            var below = element[0] == 'f' ? type.Kind == SchemaKind.Array ? null : Atoms.Member(type, element[2..]) : type.Kind == SchemaKind.Array ? type.Element : null;
            if (below?.Kind is SchemaKind.Array && below.ListType == ListType.Atomic || below?.IsAtomic == true) result._members.Add(element);
            else result.AddChild(element, below is null or { IsScalar: true } ? child : child.AsOf(below));
        }
        return result;
    }

    /// <summary>All paths: members in order, then what lies below each element in order.</summary>
    public IEnumerable<string[]> Paths()
    {
        return Walk([]);

        IEnumerable<string[]> Walk(string[] prefix)
        {
            foreach (var element in _members.Order(PathElement.Order)) yield return [.. prefix, element];
            foreach (var (element, child) in _children.OrderBy(c => c.Key, PathElement.Order))
                foreach (var path in child.Paths()) yield return [.. prefix, element, .. path];
        }
    }

    /// <summary>FieldsV1.</summary>
    public JsonObject ToTree()
    {
        var tree = new JsonObject();
        foreach (var element in _members.Union(_children.Where(c => !c.Value.IsEmpty).Select(c => c.Key)).Order(PathElement.Order))
        {
            if (Below(element) is not { } child)
            {
                tree[element] = new JsonObject();
                continue;
            }
            var below = child.ToTree();
            if (_members.Contains(element)) below.Insert(0, ".", new JsonObject());
            tree[element] = below;
        }
        return tree;
    }

    /// <summary>Reads FieldsV1; null when it is none.</summary>
    public static FieldSet? Parse(JsonNode? tree)
    {
        var set = new FieldSet();
        if (tree is null) return set;
        if (tree is not JsonObject map) return null;
        foreach (var (key, value) in map)
        {
            if (key == ".") continue;
            if (PathElement.Parse(key) is not { } element || value is not JsonObject below) return null;
            if (below.Count == 0 || below.ContainsKey(".")) set._members.Add(element);
            if (Parse(below) is not { } child) return null;
            set.AddChild(element, child);
        }
        return set;
    }

    private void AddChild(string element, FieldSet child)
    {
        if (!child.IsEmpty) _children[element] = child;
    }
}
