using Bramble.Scheduler.Configuration;
using Bramble.Scheduler.Plugins;

namespace Bramble.Scheduler.Tests.Configuration;

public sealed class SchedulerConfigurationTests
{
    private const string Head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

    [Fact]
    public void A_file_that_says_nothing_is_the_default()
    {
        var profile = Assert.Single(SchedulerConfiguration.Parse(Head).Profiles);
        Assert.Equal("default-scheduler", profile.SchedulerName);
        Assert.Equal("TaintToleration 3, NodeAffinity 2, NodeResourcesFit 1, PodTopologySpread 2, InterPodAffinity 2, DynamicResources 2, NodeResourcesBalancedAllocation 1, ImageLocality 1", Scores(profile));
        Assert.Equal(
            "NodeUnschedulable NodeName TaintToleration NodeAffinity NodePorts NodeResourcesFit VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread InterPodAffinity DynamicResources NodeDeclaredFeatures",
            string.Join(' ', profile.Filters));
    }

    [Fact]
    public void Plugins_are_switched_off_and_weighed()
    {
        var profile = Single("""
            profiles:
            - schedulerName: packed
              percentageOfNodesToScore: 30
              plugins:
                score:
                  disabled: [{name: ImageLocality}, {name: PodTopologySpread}]
                  enabled: [{name: NodeResourcesFit, weight: 5}]
                filter:
                  disabled: [{name: NodePorts}]
                postFilter:
                  disabled: [{name: "*"}]
            """);
        Assert.Equal("NodeResourcesFit 5, TaintToleration 3, NodeAffinity 2, InterPodAffinity 2, DynamicResources 2, NodeResourcesBalancedAllocation 1", Scores(profile));
        Assert.DoesNotContain("NodePorts", profile.Filters);
        Assert.False(profile.HasPreemption);
        Assert.Equal(("packed", 30), (profile.SchedulerName, profile.PercentageOfNodesToScore));
    }

    [Fact]
    public void Everything_may_be_switched_off_but_what_is_named()
    {
        var profile = Single("""
            profiles:
            - plugins:
                score:
                  disabled: [{name: "*"}]
                  enabled: [{name: ImageLocality, weight: 7}, {name: NodeAffinity, weight: 100000}]
            """);
        Assert.Equal("ImageLocality 7, NodeAffinity 100000", Scores(profile));
    }

    [Fact]
    public void Settings_of_plugins()
    {
        var settings = Single("""
            profiles:
            - pluginConfig:
              - name: NodeResourcesFit
                args:
                  apiVersion: kubescheduler.config.k8s.io/v1
                  kind: NodeResourcesFitArgs
                  ignoredResourceGroups: [vendor.com]
                  scoringStrategy:
                    type: RequestedToCapacityRatio
                    resources: [{name: cpu, weight: 3}, {name: vendor.com/gpu}]
                    requestedToCapacityRatio: {shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]}
              - name: PodTopologySpread
                args:
                  defaultingType: List
                  defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
              - name: NodeAffinity
                args:
                  addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: In, values: [ssd]}]}]}}
              - name: InterPodAffinity
                args: {hardPodAffinityWeight: 42}
              - name: VolumeBinding
                args: {bindTimeoutSeconds: 60}
              - name: DynamicResources
                args: {filterTimeout: 0s, bindingTimeout: 1m30s}
            """).Settings;
        Assert.Equal(ScoringStrategyType.RequestedToCapacityRatio, settings.Fit.Strategy.Type);
        Assert.Equal([("cpu", 3), ("vendor.com/gpu", 1)], settings.Fit.Strategy.Resources);
        Assert.Equal(50, settings.Fit.Strategy.ScoreOf(50, 100));
        Assert.True(settings.Fit.IsIgnored("vendor.com/gpu"));
        Assert.Equal("zone", Assert.Single(settings.DefaultConstraints!).TopologyKey);
        Assert.Equal("ssd", settings.AddedAffinity!.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchExpressions[0].Values[0]);
        Assert.Equal((42, TimeSpan.FromMinutes(1)), (settings.RequiredAffinityWeight, settings.BindTimeout));
        Assert.Equal((TimeSpan.Zero, TimeSpan.FromSeconds(90)), (settings.Devices.FilterTimeout, settings.Devices.BindingTimeout));
    }

    [Fact]
    public void Extenders_that_may_fail_come_last_and_what_they_look_after_is_not_counted()
    {
        var configuration = SchedulerConfiguration.Parse(Head + """
            extenders:
            - {urlPrefix: "http://a", ignorable: true, httpTimeout: 100ms}
            - {urlPrefix: "http://b", managedResources: [{name: vendor.com/gpu, ignoredByScheduler: true}, {name: vendor.com/nic}]}
            profiles:
            - pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [vendor.com/other]}}]
            """);
        Assert.Equal(["http://b 5 False", "http://a 0.1 True"], configuration.Extenders.Select(e => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{e.UrlPrefix} {e.Timeout.TotalSeconds} {e.IsIgnorable}")));
        Assert.Equal(["vendor.com/gpu"], Assert.Single(configuration.Profiles).Settings.Fit.IgnoredResources);
    }

    [Fact]
    public void Back_off()
    {
        var backOff = SchedulerConfiguration.Parse(Head + "podInitialBackoffSeconds: 2\npodMaxBackoffSeconds: 5\nparallelism: 4\nleaderElection: {leaderElect: false}\n").BackOff;
        Assert.Equal([2, 4, 5, 5], Enumerable.Range(1, 4).Select(i => (int)backOff.After(i).TotalSeconds));
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { "profiles: []\nextra: 1", "extra: unknown field; known here: apiVersion, kind, profiles, percentageOfNodesToScore, podInitialBackoffSeconds, podMaxBackoffSeconds, parallelism, leaderElection, clientConnection, enableProfiling, enableContentionProfiling, extenders, delayCacheUntilActive" },
        { "extenders: [{urlPrefix: x}]", "extenders[0].urlPrefix: Invalid value: \"x\": must be a URL, as http://127.0.0.1:8888/scheduler" },
        { "extenders: [{filterVerb: x}]", "extenders[0].urlPrefix: Required value" },
        { "extenders: [{urlPrefix: 'http://x', prioritizeVerb: p}]", "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it" },
        { "extenders: [{urlPrefix: 'http://x', bindVerb: b}, {urlPrefix: 'http://y', bindVerb: b}]", "extenders: Invalid value: \"found 2 extenders implementing bind\": only one extender can implement bind" },
        { "extenders: [{urlPrefix: 'http://x', managedResources: [{name: cpu}]}]", "extenders[0].managedResources[0].name: Invalid value: \"cpu\": is an invalid extended resource name" },
        { "extenders: [{urlPrefix: 'http://x', managedResources: [{name: a/b}]}, {urlPrefix: 'http://y', managedResources: [{name: a/b}]}]",
            "extenders[1].managedResources[0].name: Invalid value: \"a/b\": duplicate extender managed resource name" },
        { "extenders: [{urlPrefix: 'http://x', tlsConfig: {caFile: /nowhere}}]", "extenders[0].tlsConfig.caFile: Could not find file '/nowhere'." },
        { "extenders: [{urlPrefix: 'http://x', httpTimeout: soon}]", "extenders[0].httpTimeout: Invalid value: \"soon\": must be a duration, as 1m30s" },
        { "percentageOfNodesToScore: 101", "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]" },
        { "podInitialBackoffSeconds: 20", "podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds" },
        { "parallelism: 0", "parallelism: Invalid value: 0: should be an integer value greater than zero" },
        { "podInitialBackoffSeconds: 0", "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0" },
        { "profiles: [{percentageOfNodesToScore: -1}]", "profiles[0].percentageOfNodesToScore: Invalid value: -1: not in valid range [0-100]" },
        { "profiles: [{pluginConfig: [{name: VolumeBinding}, {name: VolumeBinding}]}]", "profiles[0].pluginConfig[1]: Duplicate value: \"VolumeBinding\"" },
        { "profiles: [{schedulerName: ''}]", "profiles[0].schedulerName: Required value" },
        { "profiles: [{schedulerName: a}, {}]", "profiles[1].schedulerName: Required value" },
        { "profiles: [{schedulerName: a}, {schedulerName: a}]", "profiles[1].schedulerName: Duplicate value: \"profiles[0].schedulerName\"" },
        { "profiles: [{plugins: {bind: {disabled: [{name: DefaultBinder}]}}}]", "profiles[0].plugins.bind: DefaultBinder is needed there; do not disable it" },
        { "profiles: [{plugins: {score: {enabled: [{name: NodePorts}]}}}]", "profiles[0].plugins.score.enabled: NodePorts does not extend score" },
        { "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Worst}}}]}]",
            "profiles[0].pluginConfig[0].args.scoringStrategy.type: Unsupported value: \"Worst\": supported values: \"LeastAllocated\", \"MostAllocated\", \"RequestedToCapacityRatio\"" },
        { "profiles: [{pluginConfig: [{name: DynamicResources, args: {filterTimeout: -1s}}]}]", "profiles[0].pluginConfig[0].args.filterTimeout: Invalid value: \"-1s\": must be zero or positive" },
        { "profiles: [{pluginConfig: [{name: DynamicResources, args: {bindingTimeout: 500ms}}]}]", "profiles[0].pluginConfig[0].args.bindingTimeout: Invalid value: \"500ms\": must be at least 1 second" },
        { "profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}]", "profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]" },
        { "profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}]}}]}]",
            "profiles[0].pluginConfig[0].args.defaultingType: Invalid value: \"System\": when .defaultConstraints are not empty" },
    };

    /// <summary>A plugin, what its arguments say, and what is wrong below them.</summary>
    public static TheoryData<string, string, string> WrongArguments => new()
    {
        { "DefaultPreemption", "minCandidateNodesPercentage: -1", "minCandidateNodesPercentage: Invalid value: -1: not in valid range [0, 100]" },
        { "DefaultPreemption", "minCandidateNodesPercentage: 900", "minCandidateNodesPercentage: Invalid value: 900: not in valid range [0, 100]" },
        { "DefaultPreemption", "minCandidateNodesAbsolute: -1", "minCandidateNodesAbsolute: Invalid value: -1: not in valid range [0, inf)" },
        { "DefaultPreemption", "minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0", "minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute" },
        { "InterPodAffinity", "hardPodAffinityWeight: -1", "hardPodAffinityWeight: Invalid value: -1: not in valid range [0, 100]" },
        { "NodeResourcesBalancedAllocation", "resources: [{name: cpu, weight: 2}]", "resources[0].weight: Invalid value: 2: must be 1" },
        { "NodeResourcesBalancedAllocation", "resources: [{name: cpu}, {name: cpu}]", "resources[1].name: Duplicate value: \"cpu\"" },
        { "NodeResourcesFit", "ignoredResources: [a/b/c]", "ignoredResources[0]: Invalid value: \"a/b/c\": a valid label key must consist of*" },
        { "NodeResourcesFit", "ignoredResources: ['']", "ignoredResources[0]: Invalid value: \"\": name part must be non-empty; name part must consist of*" },
        { "NodeResourcesFit", "ignoredResourceGroups: [a/b]", "ignoredResourceGroups[0]: Invalid value: \"a/b\": resource group name can't contain '/'" },
        { "NodeResourcesFit", "ignoredResourceGroups: ['~a']", "ignoredResourceGroups[0]: Invalid value: \"~a\": name part must consist of*" },
        { "NodeResourcesFit", "scoringStrategy: {resources: [{name: cpu, weight: 101}]}", "scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]" },
        { "NodeResourcesFit", "scoringStrategy: {resources: [{name: cpu, weight: -1}]}", "scoringStrategy.resources[0].weight: Invalid value: -1: resource weight of cpu not in valid range (0, 100]" },
        { "NodeResourcesFit", "scoringStrategy: {type: RequestedToCapacityRatio}", "scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is RequestedToCapacityRatio" },
        { "NodeResourcesFit", "scoringStrategy: {type: MostAllocated, requestedToCapacityRatio: {shape: []}}", "scoringStrategy.requestedToCapacityRatio: Forbidden: must be nil when type is not RequestedToCapacityRatio" },
        { "NodeResourcesFit", "scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: []}}",
            "scoringStrategy.requestedToCapacityRatio.shape: Required value: at least one point must be specified" },
        { "NodeResourcesFit", "scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 101, score: 1}]}}",
            "scoringStrategy.requestedToCapacityRatio.shape[0].utilization: Invalid value: 101: not in valid range [0, 100]" },
        { "NodeResourcesFit", "scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 1, score: 11}]}}",
            "scoringStrategy.requestedToCapacityRatio.shape[0].score: Invalid value: 11: not in valid range [0, 10]" },
        { "NodeResourcesFit", "scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 9, score: 1}, {utilization: 9, score: 2}]}}",
            "scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 9: values must be sorted in increasing order" },
        { "PodTopologySpread", "defaultingType: Unknown", "defaultingType: Unsupported value: \"Unknown\": supported values: \"System\", \"List\"" },
        { "PodTopologySpread", "defaultingType: List, defaultConstraints: [{topologyKey: z, whenUnsatisfiable: DoNotSchedule}]", "defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)" },
        { "PodTopologySpread", "defaultingType: List, defaultConstraints: [{maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]", "defaultConstraints[0].topologyKey: Required value: can not be empty" },
        { "PodTopologySpread", "defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: -z, whenUnsatisfiable: DoNotSchedule}]", "defaultConstraints[0].topologyKey: Invalid value: \"-z\": name part must consist of*" },
        { "PodTopologySpread", "defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: z}]", "defaultConstraints[0].whenUnsatisfiable: Required value: can not be empty" },
        { "PodTopologySpread", "defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: Never}]",
            "defaultConstraints[0].whenUnsatisfiable: Unsupported value: \"Never\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\"" },
        { "PodTopologySpread", "defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}]",
            "defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod" },
        { "PodTopologySpread", "defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]",
            "defaultConstraints[1]: Duplicate value: \"{z, DoNotSchedule}\"" },
        { "VolumeBinding", "bindTimeoutSeconds: -1", "bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative value" },
        { "VolumeBinding", "shape: []", "shape: Invalid value: []: unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring" },
        { "NodeAffinity", Required("matchExpressions: [{key: a, operator: In}]"), RequiredPath + "matchExpressions[0].values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty" },
        { "NodeAffinity", Required("matchExpressions: [{key: a, operator: Exists, values: [b]}]"), RequiredPath + "matchExpressions[0].values: Invalid value: [\"b\"]: values set must be empty for exists and does not exist" },
        { "NodeAffinity", Required("matchExpressions: [{key: a, operator: Gt, values: [b]}]"), RequiredPath + "matchExpressions[0].values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer" },
        { "NodeAffinity", Required("matchExpressions: [{key: a, operator: Is}]"),
            RequiredPath + "matchExpressions[0].operator: Unsupported value: \"Is\": supported values: \"In\", \"NotIn\", \"Exists\", \"DoesNotExist\", \"Gt\", \"Lt\"" },
        { "NodeAffinity", Required("matchExpressions: [{key: '-', operator: Exists}]"), RequiredPath + "matchExpressions[0].key: Invalid value: \"-\": name part must consist of*" },
        { "NodeAffinity", "addedAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchFields: [{key: metadata.name, operator: In, values: [a, b]}]}}]}",
            "addedAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].values: Invalid value: [\"a\",\"b\"]: must have one element" },
    };

    private const string RequiredPath = "addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].";

    private static string Required(string term) => $"addedAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{{{term}}}]}}}}";

    [Theory]
    [MemberData(nameof(WrongArguments))]
    public void What_is_wrong_with_a_plugins_arguments_is_told_in_upstreams_words(string plugin, string arguments, string expected)
    {
        var told = Assert.Throws<InvalidDataException>(() => SchedulerConfiguration.Parse($"{Head}profiles: [{{pluginConfig: [{{name: {plugin}, args: {{{arguments}}}}}]}}]")).Message;
        expected = "profiles[0].pluginConfig[0].args." + expected;
        if (expected.EndsWith('*')) Assert.StartsWith(expected[..^1], told, StringComparison.Ordinal);
        else Assert.Equal(expected, told);
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_wrong_is_told_with_its_place(string text, string expected) =>
        Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => SchedulerConfiguration.Parse(Head + text)).Message);

    [Fact]
    public void A_file_of_another_kind_or_none_at_all()
    {
        Assert.Equal("must begin with apiVersion: kubescheduler.config.k8s.io/v1 and kind: KubeSchedulerConfiguration", Assert.Throws<InvalidDataException>(() => SchedulerConfiguration.Parse("kind: Pod")).Message);
        Assert.StartsWith("the scheduler's configuration cannot be read: ", Assert.Throws<InvalidDataException>(() => SchedulerConfiguration.Load("/nowhere/file.yaml")).Message, StringComparison.Ordinal);
    }

    private static ProfileSettings Single(string text) => Assert.Single(SchedulerConfiguration.Parse(Head + text).Profiles);

    private static string Scores(ProfileSettings profile) => string.Join(", ", profile.Scores.Select(s => $"{s.Name} {s.Weight}"));
}
