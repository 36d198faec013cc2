using System.Text;

namespace Bramble.Scheduler;

/// <summary>One metric with its series by their labels: a counter, or with bounds a histogram. Thread-safe.</summary>
internal sealed class MetricFamily
{
    private readonly Lock _gate = new();
    private readonly string _name;
    private readonly string _help;
    private readonly double[]? _bounds;
    private readonly SortedDictionary<string, MetricSeries> _series = new(StringComparer.Ordinal);

    /// <param name="isSingle">It has no labels, and is there from the start.</param>
    public MetricFamily(string name, string help, double[]? bounds = null, bool isSingle = false)
    {
        (_name, _help, _bounds) = ($"scheduler_{name}", help, bounds);
        if (isSingle) _series.Add("", new MetricSeries(bounds));
    }

    /// <summary>To keep where it is counted often.</summary>
    public MetricSeries Series(string labels)
    {
        lock (_gate)
        {
            if (!_series.TryGetValue(labels, out var series)) _series.Add(labels, series = new MetricSeries(_bounds));
            return series;
        }
    }

    public void Add(string labels, double value) => Series(labels).Add(value);

    public void AppendTo(StringBuilder text)
    {
        lock (_gate)
        {
            if (_series.Count == 0) return;
            text.Append("# HELP ").Append(_name).Append(' ').Append(_help).Append("\n# TYPE ").Append(_name).Append(_bounds is null ? " counter\n" : " histogram\n");
            foreach (var (labels, series) in _series) series.AppendTo(text, _name, labels);
        }
    }
}
