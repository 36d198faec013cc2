using System.Text;

namespace Bramble.Network.Policies;

/// <summary>A set or map with its elements. A map's element is <c>key : verdict</c>. <c>Kind</c>: <c>set</c> or <c>map</c>.</summary>
internal sealed record PolicySet(string Kind, string Definition, SortedSet<string> Elements);

/// <summary>What the table of one family holds: pure data, from which the commands are made.</summary>
internal sealed class PolicyTable(string family)
{
    public const string Name = "bramble-policy";

    private readonly string _table = $"{family} {Name}";

    public SortedDictionary<string, PolicySet> Sets { get; } = new(StringComparer.Ordinal);

    /// <summary>Rules by chain, in the order of the packets. Base chains come with their hook as <see cref="Hooks"/> says.</summary>
    public SortedDictionary<string, IReadOnlyList<string>> Chains { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, string> Hooks { get; } = new(StringComparer.Ordinal);

    /// <summary>Nobody is isolated: the kernel need not be bothered.</summary>
    public bool IsEmpty => Chains.Count == 0;

    public PolicySet Set(string name, string definition, string kind = "set")
    {
        if (!Sets.TryGetValue(name, out var set)) Sets[name] = set = new PolicySet(kind, definition, new SortedSet<string>(StringComparer.Ordinal));
        return set;
    }

    /// <summary>One transaction from <paramref name="before"/> (null: unknown) to this; empty when they are the same.</summary>
    public string ChangesFrom(PolicyTable? before)
    {
        if (before is null || !HasShapeOf(before)) return Whole();
        var text = new StringBuilder();
        foreach (var (name, set) in Sets)
        {
            Append(text, "delete", name, before.Sets[name].Elements.Except(set.Elements));
            Append(text, "add", name, set.Elements.Except(before.Sets[name].Elements));
        }
        return text.ToString();
    }

    private bool HasShapeOf(PolicyTable other) =>
        Sets.Keys.SequenceEqual(other.Sets.Keys) && Sets.All(s => other.Sets[s.Key].Definition == s.Value.Definition)
        && Chains.Keys.SequenceEqual(other.Chains.Keys) && Chains.All(c => c.Value.SequenceEqual(other.Chains[c.Key]));

    // Everything anew in one transaction: packets meet the old rules or the new ones.
    private string Whole()
    {
        var text = new StringBuilder($"add table {_table}\ndelete table {_table}\n");
        if (IsEmpty) return text.ToString();
        text.Append($"add table {_table}\n");
        foreach (var (name, set) in Sets) text.Append($"add {set.Kind} {_table} {name} {{ {set.Definition} }}\n");
        foreach (var name in Chains.Keys) text.Append($"add chain {_table} {name}{(Hooks.TryGetValue(name, out var hook) ? $" {{ {hook} }}" : "")}\n");
        foreach (var (name, rules) in Chains)
            foreach (var rule in rules) text.Append($"add rule {_table} {name} {rule}\n");
        foreach (var (name, set) in Sets) Append(text, "add", name, set.Elements);
        return text.ToString();
    }

    private void Append(StringBuilder text, string verb, string set, IEnumerable<string> elements)
    {
        foreach (var part in elements.Chunk(1000)) text.Append($"{verb} element {_table} {set} {{ {string.Join(", ", part)} }}\n");
    }
}
