using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Scheduler.Extenders;
using Bramble.Scheduler.Queue;

namespace Bramble.Scheduler.Configuration;

/// <summary>What a KubeSchedulerConfiguration file (kubescheduler.config.k8s.io/v1) says. Connection, leader election and profiling are those of the process
/// and mean nothing here; parallelism neither, one Pod is decided at a time. Immutable.</summary>
public sealed class SchedulerConfiguration
{
    internal const string DefaultName = "default-scheduler";
    private const string ApiVersion = "kubescheduler.config.k8s.io/v1", Kind = "KubeSchedulerConfiguration";

    public static readonly SchedulerConfiguration Default = new();

    internal IReadOnlyList<ProfileSettings> Profiles { get; private init; } = [new ProfileSettings { SchedulerName = DefaultName }];

    internal BackOff BackOff { get; private init; } = BackOff.Default;

    /// <summary>In the order they are asked.</summary>
    internal IReadOnlyList<ExtenderSettings> Extenders { get; private init; } = [];

    /// <exception cref="InvalidDataException">One line: where, what is wrong, what would be right.</exception>
    public static SchedulerConfiguration Load(string file)
    {
        string text;
        try
        {
            text = File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"the scheduler's configuration cannot be read: {e.Message}");
        }
        try
        {
            return Parse(text);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{file}: {e.Message}");
        }
    }

    /// <exception cref="InvalidDataException">What is wrong, with its place in the file.</exception>
    internal static SchedulerConfiguration Parse(string text)
    {
        JsonNode? tree;
        try
        {
            tree = YamlDocuments.ReadOne(text);
        }
        catch (Exception e) when (e is FormatException or YamlDotNet.Core.YamlException)
        {
            throw new InvalidDataException($"not YAML: {e.Message}");
        }
        var root = new ConfigNode(tree, "").Object(
            "apiVersion", "kind", "profiles", "percentageOfNodesToScore", "podInitialBackoffSeconds", "podMaxBackoffSeconds", "parallelism", "leaderElection", "clientConnection",
            "enableProfiling", "enableContentionProfiling", "extenders", "delayCacheUntilActive");
        if (root["apiVersion"].Text() != ApiVersion || root["kind"].Text() != Kind) throw new InvalidDataException($"must begin with apiVersion: {ApiVersion} and kind: {Kind}");
        _ = root["parallelism"].Number(1, why: "should be an integer value greater than zero");
        var initial = root["podInitialBackoffSeconds"].Number(1, why: "must be greater than 0") ?? 1;
        var max = root["podMaxBackoffSeconds"].Number() ?? 10;
        if (max < initial) throw new InvalidDataException($"podMaxBackoffSeconds: Invalid value: {max}: must be greater than or equal to PodInitialBackoffSeconds");
        var extenders = ExtenderSettings.Read(root["extenders"]);
        List<string> ignored = [.. extenders.SelectMany(e => e.IgnoredResources)];
        return new SchedulerConfiguration
        {
            Extenders = extenders,
            BackOff = new(TimeSpan.FromSeconds(initial), TimeSpan.FromSeconds(max)),
            Profiles = [.. ReadProfiles([.. root["profiles"].Items()], root["percentageOfNodesToScore"].Number(0, 100, ProfileSettings.PercentageRange) ?? 0).Select(p => ignored.Count == 0 ? p : p.Ignoring(ignored))],
        };
    }

    private static IReadOnlyList<ProfileSettings> ReadProfiles(List<ConfigNode> nodes, int percentage)
    {
        if (nodes.Count == 0) return [new ProfileSettings { SchedulerName = DefaultName, PercentageOfNodesToScore = percentage }];
        var profiles = new List<ProfileSettings>();
        foreach (var node in nodes)
        {
            // Only a single profile may go without a name.
            var profile = ProfileSettings.Read(node, nodes.Count == 1 ? DefaultName : null, percentage);
            var twin = profiles.FindIndex(p => p.SchedulerName == profile.SchedulerName);
            if (twin >= 0) throw new InvalidDataException($"{node.Path}.schedulerName: Duplicate value: \"profiles[{twin}].schedulerName\"");
            profiles.Add(profile);
        }
        return profiles;
    }
}
