using System.Globalization;
using System.Text;
using Bramble.Scheduler.Plugins;

namespace Bramble.Scheduler.Cycle;

/// <summary>The steps of scheduling a Pod, in upstream's words. Permit and PostBind are not among them: nothing is done there.</summary>
internal enum ExtensionPoint { PreEnqueue, PreFilter, Filter, PostFilter, PreScore, Score, Reserve, PreBind, Bind }

/// <summary>How a step or a plugin ended, in upstream's words.</summary>
internal enum StepStatus { Success, Error, Unschedulable, UnschedulableAndUnresolvable }

/// <summary>Figures of one profile: how long its steps and its plugins take, how often each plugin is asked.</summary>
/// <remarks>What is counted within a cycle is written by one thread; a reader may see it a little late. Counting allocates nothing.</remarks>
internal sealed class CycleMetrics(Profile profile, TimeProvider time, MetricFamily points, MetricFamily plugins)
{
    /// <summary>Of each so many cycles one is timed plugin by plugin, on at most so many nodes.</summary>
    private const int CyclesForOne = 10, TimedNodesMax = 10;

    private const int Points = (int)ExtensionPoint.Bind + 1, Statuses = (int)StepStatus.UnschedulableAndUnresolvable + 1;

    private static readonly HashSet<string> WithoutPreFilter = new(StringComparer.Ordinal) { "NodeUnschedulable", "NodeName", "TaintToleration" };
    private static readonly HashSet<string> WithoutPreScore = new(StringComparer.Ordinal) { "ImageLocality", "DynamicResources" };

    private readonly MetricSeries?[] _steps = new MetricSeries?[Points * Statuses];
    private readonly Dictionary<string, MetricSeries?[]> _ofPlugins = new(StringComparer.Ordinal);
    private readonly long[] _preFilters = new long[profile.Filters.Count], _filters = new long[profile.Filters.Count];
    private readonly long[] _preScores = new long[profile.Scores.Count], _scores = new long[profile.Scores.Count];
    private int _cycle;
    private int _timedNodes;

    public string ProfileName => profile.SchedulerName;

    /// <summary>When a step begins.</summary>
    public long Now => time.GetTimestamp();

    /// <summary>Whether this cycle's plugins are timed one by one.</summary>
    public bool IsTimed { get; private set; }

    public void BeginCycle() => (IsTimed, _timedNodes) = (_cycle++ % CyclesForOne == 0, 0);

    /// <summary>Whether the plugins that look at the next node are timed.</summary>
    public bool IsNodeTimed() => IsTimed && _timedNodes++ < TimedNodesMax;

    /// <summary>Thread-safe.</summary>
    public void Took(ExtensionPoint point, long since, StepStatus status = StepStatus.Success) =>
        (_steps[Index(point, status)] ??= points.Series($"extension_point=\"{point.ToString()}\",profile=\"{profile.SchedulerName}\",status=\"{status.ToString()}\"")).Add(time.GetElapsedTime(since).TotalSeconds);

    public void Took(ExtensionPoint point, string plugin, long since, StepStatus status = StepStatus.Success)
    {
        if (point == ExtensionPoint.PreFilter && WithoutPreFilter.Contains(plugin)) return;
        if (!_ofPlugins.TryGetValue(plugin, out var known)) _ofPlugins.Add(plugin, known = new MetricSeries?[Points * Statuses]);
        (known[Index(point, status)] ??= plugins.Series($"extension_point=\"{point.ToString()}\",plugin=\"{plugin}\",status=\"{status.ToString()}\"")).Add(time.GetElapsedTime(since).TotalSeconds);
    }

    /// <param name="index">Of the plugin among the profile's filters.</param>
    public void PreFiltered(int index) => _preFilters[index]++;

    /// <param name="filters">Those that looked at nodes.</param>
    /// <param name="stops">How many nodes were refused by each of them; last: by none.</param>
    public void Filtered(PodFilters filters, ReadOnlySpan<int> stops)
    {
        long asked = 0;
        var index = profile.Filters.Count - 1;
        asked += stops[filters.All.Count];
        for (var i = filters.All.Count - 1; i >= 0; i--)
        {
            // Who refused a node was asked, and so were all before it.
            asked += stops[i];
            while (!ReferenceEquals(profile.Filters[index], filters.All[i].Plugin)) index--;
            _filters[index] += asked;
        }
    }

    /// <param name="index">Of the plugin among the profile's scores.</param>
    public void Scored(int index, int nodes) => (_preScores[index], _scores[index]) = (_preScores[index] + 1, _scores[index] + nodes);

    public void AppendEvaluations(StringBuilder text)
    {
        for (var i = 0; i < profile.Filters.Count; i++)
        {
            Append(profile.Filters[i].Name, nameof(ExtensionPoint.Filter), _filters[i]);
            if (!WithoutPreFilter.Contains(profile.Filters[i].Name)) Append(profile.Filters[i].Name, nameof(ExtensionPoint.PreFilter), _preFilters[i]);
        }
        for (var i = 0; i < profile.Scores.Count; i++)
        {
            if (!WithoutPreScore.Contains(profile.Scores[i].Plugin.Name)) Append(profile.Scores[i].Plugin.Name, nameof(ExtensionPoint.PreScore), _preScores[i]);
            Append(profile.Scores[i].Plugin.Name, nameof(ExtensionPoint.Score), _scores[i]);
        }

        void Append(string plugin, string point, long count)
        {
            if (count > 0)
                text.Append(CultureInfo.InvariantCulture, $"scheduler_plugin_evaluation_total{{extension_point=\"{point}\",plugin=\"{plugin}\",profile=\"{profile.SchedulerName}\"}} {count}\n");
        }
    }

    public static StepStatus StatusOf(in FilterResult result) =>
        result.DoesFit ? StepStatus.Success : result.IsUnresolvable ? StepStatus.UnschedulableAndUnresolvable : StepStatus.Unschedulable;

    private static int Index(ExtensionPoint point, StepStatus status) => ((int)point * Statuses) + (int)status;
}
