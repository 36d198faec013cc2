using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Plugins;

namespace Bramble.Scheduler.Configuration;

/// <summary>One profile of the configuration: which rules and opinions it has, with which weights and settings. Immutable.</summary>
internal sealed record ProfileSettings
{
    public const string PercentageRange = "not in valid range [0-100]";

    private static readonly string[] Points =
    [
        "multiPoint", "preEnqueue", "queueSort", "preFilter", "filter", "postFilter", "preScore", "score", "reserve", "permit", "preBind", "bind", "postBind",
    ];

    public required string SchedulerName { get; init; }
    public int PercentageOfNodesToScore { get; init; }
    public IReadOnlyList<string> Filters { get; init; } = [.. PluginCatalog.Default.Where(p => PluginCatalog.Filters.Contains(p.Name)).Select(p => p.Name)];
    public IReadOnlyList<(string Name, int Weight)> Scores { get; init; } = [.. PluginCatalog.Default.Where(p => PluginCatalog.Scores.Contains(p.Name))];
    public bool HasPreemption { get; init; } = true;
    public bool FreesClaims { get; init; } = true;
    public PluginSettings Settings { get; init; } = new();

    /// <param name="otherwiseName">Null: the profile must name itself.</param>
    public static ProfileSettings Read(ConfigNode node, string? otherwiseName, int percentage)
    {
        node.Object("schedulerName", "percentageOfNodesToScore", "plugins", "pluginConfig");
        var plugins = node["plugins"].Object(Points);
        var multi = PluginSet.Read(plugins["multiPoint"]);
        var everywhere = multi.MergeInto(PluginCatalog.Default);
        // A rule that prepares or scores in two steps is one thing here: switched off in one step it is off.
        IReadOnlyList<(string, int)> At(IReadOnlySet<string> able, params string[] points)
        {
            var sets = points.Select(p => PluginSet.Read(plugins[p])).ToList();
            foreach (var point in points)
                foreach (var (name, _) in PluginSet.Read(plugins[point]).Enabled)
                    if (!able.Contains(name)) throw new InvalidDataException($"{plugins[point].Path}.enabled: {name} does not extend {point}");
            return PluginSet.Expand([.. everywhere.Where(p => able.Contains(p.Name))], sets);
        }
        foreach (var point in Points) _ = PluginSet.Read(plugins[point]);
        CheckIndispensable(plugins, "queueSort", "PrioritySort", everywhere);
        CheckIndispensable(plugins, "bind", "DefaultBinder", everywhere);
        var afterwards = At(PluginCatalog.PostFilters, "postFilter").Select(p => p.Item1).ToHashSet(StringComparer.Ordinal);
        return new ProfileSettings
        {
            SchedulerName = otherwiseName is not null && node["schedulerName"].IsAbsent ? otherwiseName : node["schedulerName"].RequiredText(),
            PercentageOfNodesToScore = node["percentageOfNodesToScore"].Number(0, 100, PercentageRange) ?? percentage,
            Filters = [.. At(PluginCatalog.Filters, "filter", "preFilter").Select(p => p.Item1)],
            Scores = At(PluginCatalog.Scores, "score", "preScore"),
            HasPreemption = afterwards.Contains("DefaultPreemption"),
            FreesClaims = afterwards.Contains("DynamicResources"),
            Settings = PluginSettings.Read(node["pluginConfig"]),
        };
    }

    /// <summary>Extenders look after these resources; what they say goes before the profile's own settings.</summary>
    public ProfileSettings Ignoring(IReadOnlyList<string> resources) => this with { Settings = Settings with { Fit = Settings.Fit with { IgnoredResources = resources } } };

    public Profile Compose(PluginParts parts)
    {
        var made = new Dictionary<string, object>(StringComparer.Ordinal);
        object Get(string name) => made.TryGetValue(name, out var known) ? known : made[name] = parts.Make(name, Settings);
        return new Profile
        {
            SchedulerName = SchedulerName,
            Filters = [.. Filters.Select(Get).Cast<IFilterPlugin>()],
            Scores = [.. Scores.Select(s => ((IScorePlugin)Get(s.Name), s.Weight))],
            Preemption = HasPreemption ? Settings.Preemption : null,
            FreesClaims = FreesClaims,
            PercentageOfNodesToScore = PercentageOfNodesToScore,
        };
    }

    private static void CheckIndispensable(ConfigNode plugins, string point, string name, IReadOnlyList<(string Name, int Weight)> everywhere)
    {
        if (PluginSet.Expand([.. everywhere.Where(p => p.Name == name)], [PluginSet.Read(plugins[point])]).Count == 0)
            throw new InvalidDataException($"{plugins[point].Path}: {name} is needed there; do not disable it");
    }
}
