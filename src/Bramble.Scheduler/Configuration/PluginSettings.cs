using System.Text;
using Bramble.Client;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Preemption;
using k8s.Models;

namespace Bramble.Scheduler.Configuration;

/// <summary>Settings of the plugins of one profile (pluginConfig). Immutable.</summary>
internal sealed record PluginSettings
{
    public PreemptionArgs Preemption { get; init; } = new();
    public int RequiredAffinityWeight { get; init; } = 1;
    public bool IgnoresPreferencesOfOthers { get; init; }
    public V1NodeAffinity? AddedAffinity { get; init; }
    public NodeResourcesFitArgs Fit { get; init; } = new();
    public IReadOnlyList<(string Resource, long Weight)> Balanced { get; init; } = ScoringStrategy.DefaultResources;

    /// <summary>Null: the system's.</summary>
    public IReadOnlyList<V1TopologySpreadConstraint>? DefaultConstraints { get; init; }
    public TimeSpan BindTimeout { get; init; } = TimeSpan.FromMinutes(10);
    public DynamicResourcesArgs Devices { get; init; } = new();

    public static PluginSettings Read(ConfigNode list)
    {
        var settings = new PluginSettings();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in list.Items())
        {
            var name = item.Object("name", "args")["name"].RequiredText();
            if (!seen.Add(name)) throw new InvalidDataException($"{item.Path}: a second entry for {name}");
            settings = settings.With(name, item["args"]);
        }
        return settings;
    }

    private PluginSettings With(string name, ConfigNode args)
    {
        string[] typed = ["apiVersion", "kind"];
        if (args["kind"].Text() is { } kind && kind != $"{name}Args") throw args["kind"].Wrong($"must be {name}Args");
        switch (name)
        {
            case "DefaultPreemption":
                args.Object([.. typed, "minCandidateNodesPercentage", "minCandidateNodesAbsolute"]);
                var preemption = new PreemptionArgs(args["minCandidateNodesPercentage"].Number(0, 100) ?? 10, args["minCandidateNodesAbsolute"].Number(0) ?? 100);
                if (preemption is { CandidateNodesPercentage: 0, CandidateNodesMin: 0 }) throw args["minCandidateNodesPercentage"].Wrong("cannot be zero at the same time as minCandidateNodesAbsolute");
                return this with { Preemption = preemption };
            case "InterPodAffinity":
                args.Object([.. typed, "hardPodAffinityWeight", "ignorePreferredTermsOfExistingPods"]);
                return this with { RequiredAffinityWeight = args["hardPodAffinityWeight"].Number(0, 100) ?? 1, IgnoresPreferencesOfOthers = args["ignorePreferredTermsOfExistingPods"].Switch() ?? false };
            case "NodeAffinity":
                args.Object([.. typed, "addedAffinity"]);
                return this with { AddedAffinity = Model<V1NodeAffinity>(args["addedAffinity"].Object("requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution")) };
            case "NodeResourcesFit":
                return this with { Fit = ReadFit(args.Object([.. typed, "ignoredResources", "ignoredResourceGroups", "scoringStrategy"])) };
            case "NodeResourcesBalancedAllocation":
                args.Object([.. typed, "resources"]);
                var balanced = ReadResources(args["resources"]);
                if (balanced.Any(r => r.Weight != 1)) throw args["resources"].Wrong("must have weights of 1");
                return this with { Balanced = balanced };
            case "PodTopologySpread":
                return this with { DefaultConstraints = ReadConstraints(args.Object([.. typed, "defaultConstraints", "defaultingType"])) };
            case "VolumeBinding":
                args.Object([.. typed, "bindTimeoutSeconds"]);
                return this with { BindTimeout = TimeSpan.FromSeconds(args["bindTimeoutSeconds"].Number(0) ?? 600) };
            case "DynamicResources":
                args.Object([.. typed, "filterTimeout", "bindingTimeout"]);
                var (search, binding) = (args["filterTimeout"].Duration() ?? Devices.FilterTimeout, args["bindingTimeout"].Duration() ?? Devices.BindingTimeout);
                if (search < TimeSpan.Zero) throw args["filterTimeout"].Wrong("must be zero or positive");
                if (binding < TimeSpan.FromSeconds(1)) throw args["bindingTimeout"].Wrong("must be at least 1 second");
                return this with { Devices = new() { FilterTimeout = search, BindingTimeout = binding } };
            default:
                throw args.Wrong($"is for {name}, which has no settings");
        }
    }

    private static NodeResourcesFitArgs ReadFit(ConfigNode args)
    {
        var groups = args["ignoredResourceGroups"].Items().Select(i => i.RequiredText()).ToList();
        if (groups.FirstOrDefault(g => g.Contains('/')) is { } wrong) throw new InvalidDataException($"{args["ignoredResourceGroups"].Path}: \"{wrong}\": resource group name can't contain '/'");
        var strategy = args["scoringStrategy"].Object("type", "resources", "requestedToCapacityRatio");
        var type = strategy["type"].OneOf(ScoringStrategyType.LeastAllocated);
        var ratio = strategy["requestedToCapacityRatio"].Object("shape");
        if (type == ScoringStrategyType.RequestedToCapacityRatio && ratio.IsAbsent) throw ratio.Wrong("must be specified when type is RequestedToCapacityRatio");
        if (type != ScoringStrategyType.RequestedToCapacityRatio && !ratio.IsAbsent) throw new InvalidDataException($"{ratio.Path}: only for the type RequestedToCapacityRatio; take it out");
        return new NodeResourcesFitArgs
        {
            IgnoredResources = [.. args["ignoredResources"].Items().Select(i => i.RequiredText())],
            IgnoredResourceGroups = groups,
            Strategy = new ScoringStrategy { Type = type, Resources = ReadResources(strategy["resources"]), Shape = ratio.IsAbsent ? [] : ReadShape(ratio["shape"]) },
        };
    }

    private static IReadOnlyList<(string Resource, long Weight)> ReadResources(ConfigNode list)
    {
        var resources = new List<(string, long)>();
        foreach (var item in list.Items())
        {
            var weight = item.Object("name", "weight")["weight"].Number(0, 100) ?? 0;
            resources.Add((item["name"].RequiredText(), weight == 0 ? 1 : weight));
        }
        return resources.Count == 0 ? ScoringStrategy.DefaultResources : resources;
    }

    private static IReadOnlyList<ShapePoint> ReadShape(ConfigNode list)
    {
        var points = new List<ShapePoint>();
        foreach (var item in list.Items())
        {
            item.Object("utilization", "score");
            var point = new ShapePoint(item["utilization"].Number(0, 100) ?? 0, item["score"].Number(0, 10) ?? 0);
            if (points.Count > 0 && point.Utilization <= points[^1].Utilization) throw item["utilization"].Wrong("values must be sorted in increasing order");
            points.Add(point);
        }
        return points.Count > 0 ? points : throw list.Wrong("at least one point must be specified");
    }

    private static IReadOnlyList<V1TopologySpreadConstraint>? ReadConstraints(ConfigNode args)
    {
        var constraints = args["defaultConstraints"].Items().Select(item =>
        {
            item.Object("maxSkew", "topologyKey", "whenUnsatisfiable", "minDomains", "nodeAffinityPolicy", "nodeTaintsPolicy");
            _ = item["topologyKey"].RequiredText();
            if (item["maxSkew"].Number(1) is null) throw item["maxSkew"].Wrong("not in valid range (0, inf)");
            if (item["whenUnsatisfiable"].Text() is not ("DoNotSchedule" or "ScheduleAnyway")) throw item["whenUnsatisfiable"].Wrong("not one of DoNotSchedule, ScheduleAnyway");
            return Model<V1TopologySpreadConstraint>(item)!;
        }).ToList();
        return args["defaultingType"].Text() switch
        {
            null or "System" when constraints.Count > 0 => throw args["defaultingType"].Wrong("must be List when .defaultConstraints are not empty"),
            null or "System" => null,
            "List" => constraints,
            _ => throw args["defaultingType"].Wrong("not one of List, System"),
        };
    }

    private static T? Model<T>(ConfigNode node) where T : class => node.IsAbsent ? null : ModelJson.Read<T>(Encoding.UTF8.GetBytes(node.Value!.ToJsonString()));
}
