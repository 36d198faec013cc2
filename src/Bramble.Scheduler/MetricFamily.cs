using System.Globalization;
using System.Text;

namespace Bramble.Scheduler;

/// <summary>One metric with its series by their labels: a counter, or with bounds a histogram.</summary>
internal sealed class MetricFamily
{
    private readonly Lock _gate = new();
    private readonly string _name;
    private readonly string _help;
    private readonly double[]? _bounds;
    private readonly SortedDictionary<string, Series> _series = new(StringComparer.Ordinal);

    /// <param name="isSingle">It has no labels, and is there from the start.</param>
    public MetricFamily(string name, string help, double[]? bounds = null, bool isSingle = false)
    {
        (_name, _help, _bounds) = ($"scheduler_{name}", help, bounds);
        if (isSingle) _series.Add("", new Series(bounds));
    }

    public void Add(string labels, double value)
    {
        lock (_gate)
        {
            if (!_series.TryGetValue(labels, out var series)) _series.Add(labels, series = new Series(_bounds));
            series.Sum += value;
            series.Count++;
            if (_bounds is null) return;
            var bucket = Array.FindIndex(_bounds, b => value <= b);
            if (bucket >= 0) series.Buckets[bucket]++;
        }
    }

    public void AppendTo(StringBuilder text)
    {
        lock (_gate)
        {
            if (_series.Count == 0) return;
            text.Append(CultureInfo.InvariantCulture, $"# HELP {_name} {_help}\n# TYPE {_name} {(_bounds is null ? "counter" : "histogram")}\n");
            foreach (var (labels, series) in _series)
            {
                var braced = labels.Length > 0 ? $"{{{labels}}}" : "";
                if (_bounds is null)
                {
                    text.Append(CultureInfo.InvariantCulture, $"{_name}{braced} {series.Sum}\n");
                    continue;
                }
                long below = 0;
                var more = labels.Length > 0 ? labels + "," : "";
                for (var i = 0; i < _bounds.Length; i++) text.Append(CultureInfo.InvariantCulture, $"{_name}_bucket{{{more}le=\"{_bounds[i]}\"}} {below += series.Buckets[i]}\n");
                text.Append(CultureInfo.InvariantCulture, $"{_name}_bucket{{{more}le=\"+Inf\"}} {series.Count}\n{_name}_sum{braced} {series.Sum}\n{_name}_count{braced} {series.Count}\n");
            }
        }
    }

    private sealed class Series(double[]? bounds)
    {
        public long[] Buckets { get; } = new long[bounds?.Length ?? 0];
        public double Sum { get; set; }
        public long Count { get; set; }
    }
}
