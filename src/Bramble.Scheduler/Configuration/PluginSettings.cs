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
            if (!seen.Add(name)) throw item.Duplicate(name);
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
                AddedAffinityRules.Check(args["addedAffinity"]);
                return this with { AddedAffinity = Model<V1NodeAffinity>(args["addedAffinity"].Object("requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution")) };
            case "NodeResourcesFit":
                return this with { Fit = ReadFit(args.Object([.. typed, "ignoredResources", "ignoredResourceGroups", "scoringStrategy"])) };
            case "NodeResourcesBalancedAllocation":
                args.Object([.. typed, "resources"]);
                var names = new HashSet<string>(StringComparer.Ordinal);
                foreach (var item in args["resources"].Items())
                {
                    if (!names.Add(item["name"].Text() ?? "")) throw item["name"].Duplicate(item["name"].Text()!);
                    if ((item["weight"].Number() ?? 0) is not (0 or 1)) throw item["weight"].Wrong("must be 1");
                }
                return this with { Balanced = ReadResources(args["resources"]) };
            case "PodTopologySpread":
                return this with { DefaultConstraints = ReadConstraints(args.Object([.. typed, "defaultConstraints", "defaultingType"])) };
            case "VolumeBinding":
                args.Object([.. typed, "bindTimeoutSeconds", "shape"]);
                if (!args["shape"].IsAbsent) throw args["shape"].Wrong("unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring");
                return this with { BindTimeout = TimeSpan.FromSeconds(args["bindTimeoutSeconds"].Number(0, why: "invalid BindTimeoutSeconds, should not be a negative value") ?? 600) };
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
        var groups = args["ignoredResourceGroups"].Items().Select(i => i.Text()?.Contains('/') == true ? throw i.Wrong("resource group name can't contain '/'") : i.LabelName()).ToList();
        var strategy = args["scoringStrategy"].Object("type", "resources", "requestedToCapacityRatio");
        var type = strategy["type"].OneOf(ScoringStrategyType.LeastAllocated);
        var ratio = strategy["requestedToCapacityRatio"].Object("shape");
        if (type == ScoringStrategyType.RequestedToCapacityRatio && ratio.IsAbsent) throw ratio.Missing("must be specified when type is RequestedToCapacityRatio");
        if (type != ScoringStrategyType.RequestedToCapacityRatio && !ratio.IsAbsent) throw ratio.Forbidden("must be nil when type is not RequestedToCapacityRatio");
        return new NodeResourcesFitArgs
        {
            IgnoredResources = [.. args["ignoredResources"].Items().Select(i => i.LabelName())],
            IgnoredResourceGroups = groups,
            Strategy = new ScoringStrategy { Type = type, Resources = ReadResources(strategy["resources"]), Shape = ratio.IsAbsent ? [] : ReadShape(ratio["shape"]) },
        };
    }

    private static IReadOnlyList<(string Resource, long Weight)> ReadResources(ConfigNode list)
    {
        var resources = new List<(string, long)>();
        foreach (var item in list.Items())
        {
            var weight = item.Object("name", "weight")["weight"].Number(0, 100, $"resource weight of {item["name"].Text()} not in valid range (0, 100]") ?? 0;
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
        return points.Count > 0 ? points : throw list.Missing("at least one point must be specified");
    }

    private static IReadOnlyList<V1TopologySpreadConstraint>? ReadConstraints(ConfigNode args)
    {
        var constraints = new List<V1TopologySpreadConstraint>();
        if (args["defaultingType"].Text() is not (null or "" or "System" or "List")) throw args["defaultingType"].Unsupported("System", "List");
        var isList = args["defaultingType"].Text() == "List";
        foreach (var item in args["defaultConstraints"].Items())
        {
            if (!isList) throw new InvalidDataException($"{args["defaultingType"].Path}: Invalid value: \"System\": when .defaultConstraints are not empty");
            item.Object("maxSkew", "topologyKey", "whenUnsatisfiable", "labelSelector", "minDomains", "nodeAffinityPolicy", "nodeTaintsPolicy", "matchLabelKeys");
            if ((item["maxSkew"].Number() ?? 0) <= 0) throw new InvalidDataException($"{item["maxSkew"].Path}: Invalid value: {item["maxSkew"].Number() ?? 0}: not in valid range (0, inf)");
            if (string.IsNullOrEmpty(item["topologyKey"].Text())) throw item["topologyKey"].Missing("can not be empty");
            var key = item["topologyKey"].LabelName();
            if (string.IsNullOrEmpty(item["whenUnsatisfiable"].Text())) throw item["whenUnsatisfiable"].Missing("can not be empty");
            var action = item["whenUnsatisfiable"].Text();
            if (action is not ("DoNotSchedule" or "ScheduleAnyway")) throw item["whenUnsatisfiable"].Unsupported("DoNotSchedule", "ScheduleAnyway");
            if (!item["labelSelector"].IsAbsent) throw item["labelSelector"].Forbidden("constraint must not define a selector, as they deduced for each pod");
            if (constraints.Any(c => c.TopologyKey == key && c.WhenUnsatisfiable == action)) throw item.Duplicate($"{{{key}, {action}}}");
            constraints.Add(Model<V1TopologySpreadConstraint>(item)!);
        }
        return isList ? constraints : null;
    }

    private static T? Model<T>(ConfigNode node) where T : class => node.IsAbsent ? null : ModelJson.Read<T>(Encoding.UTF8.GetBytes(node.Value!.ToJsonString()));
}
