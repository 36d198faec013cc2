using System.Globalization;
using System.Text;
using Bramble.Api.Metrics;

namespace Bramble.Scheduler;

/// <summary>A counter or a histogram. Thread-safe; counting allocates nothing.</summary>
/// <param name="bounds">Null: a counter.</param>
internal sealed class MetricSeries(double[]? bounds)
{
    private readonly Lock _gate = new();
    private readonly Histogram? _histogram = bounds is null ? null : new Histogram(bounds);
    private double _sum;

    public void Add(double value)
    {
        lock (_gate)
        {
            if (_histogram is null) _sum += value;
            else _histogram.Observe(value);
        }
    }

    public void AppendTo(StringBuilder text, string name, string labels)
    {
        lock (_gate)
        {
            if (_histogram is not null) _histogram.AppendTo(text, name, labels);
            else text.Append(CultureInfo.InvariantCulture, $"{name}{(labels.Length > 0 ? $"{{{labels}}}" : "")} {_sum}\n");
        }
    }
}
