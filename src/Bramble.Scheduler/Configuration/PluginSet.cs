namespace Bramble.Scheduler.Configuration;

/// <summary>Plugins that a profile switches on (with a weight) and off at one extension point.</summary>
internal sealed record PluginSet(IReadOnlyList<(string Name, int Weight)> Enabled, IReadOnlyList<string> Disabled)
{
    public static PluginSet Read(ConfigNode node)
    {
        node.Object("enabled", "disabled");
        var enabled = new List<(string Name, int Weight)>();
        foreach (var item in node["enabled"].Items())
        {
            var name = Known(item.Object("name", "weight")["name"]);
            if (enabled.Any(p => p.Name == name)) throw new InvalidDataException($"{item.Path}.name: {name} is enabled twice");
            enabled.Add((name, item["weight"].Number(0) ?? 0));
        }
        return new(enabled, [.. node["disabled"].Items().Select(item => item.Object("name", "weight")["name"]).Select(n => n.Text() == "*" ? "*" : Known(n))]);

        static string Known(ConfigNode node)
        {
            var name = node.RequiredText();
            return PluginCatalog.Default.Any(p => p.Name == name) ? name
                : throw new InvalidDataException($"{node.Path}: no plugin {name}; there are {string.Join(", ", PluginCatalog.Default.Select(p => p.Name).Order(StringComparer.Ordinal))}");
        }
    }

    public bool Disables(string name) => Disabled.Contains(name) || Disabled.Contains("*");

    /// <summary>What is left of the defaults, in their order, the reconfigured ones in place; then what is new.</summary>
    public IReadOnlyList<(string Name, int Weight)> MergeInto(IReadOnlyList<(string Name, int Weight)> defaults)
    {
        var kept = defaults.Where(p => !Disables(p.Name)).ToList();
        return
        [
            .. kept.Select(p => Enabled.FirstOrDefault(e => e.Name == p.Name) is { Name: not null } own ? own : p),
            .. Enabled.Where(e => kept.All(p => p.Name != e.Name)),
        ];
    }

    /// <summary>First those that are enabled here as well, with the weight given here; then those that are enabled everywhere and not disabled here; then those
    /// that are enabled only here, or disabled and enabled. A weight of 0 means 1.</summary>
    public static IReadOnlyList<(string Name, int Weight)> Expand(IReadOnlyList<(string Name, int Weight)> everywhere, IReadOnlyList<PluginSet> here)
    {
        var enabled = here.SelectMany(s => s.Enabled).DistinctBy(p => p.Name).ToList();
        var both = enabled.Where(e => everywhere.Any(p => p.Name == e.Name) && !here.Any(s => s.Disables(e.Name))).ToList();
        var rest = everywhere.Where(p => enabled.All(e => e.Name != p.Name) && !here.Any(s => s.Disables(p.Name)));
        return [.. both.Concat(rest).Concat(enabled.Except(both)).Select(p => (p.Name, Math.Max(1, p.Weight)))];
    }
}
