using System.Globalization;
using System.Text;

namespace Bramble.Api.Metrics;

/// <summary>How often a figure was within each of some bounds, as Prometheus counts it. Not thread-safe.</summary>
/// <param name="bounds">Upper bounds, ascending.</param>
public sealed class Histogram(double[] bounds)
{
    private readonly long[] _buckets = new long[bounds.Length];
    private long _count;
    private double _sum;

    public void Observe(double value)
    {
        _sum += value;
        _count++;
        for (var i = 0; i < bounds.Length; i++)
        {
            if (value > bounds[i]) continue;
            _buckets[i]++;
            return;
        }
    }

    /// <summary>Its lines in Prometheus' text format.</summary>
    /// <param name="labels">Without braces: <c>name="deployment"</c>; may be empty.</param>
    public void AppendTo(StringBuilder text, string name, string labels)
    {
        var braced = labels.Length > 0 ? $"{{{labels}}}" : "";
        var more = labels.Length > 0 ? labels + "," : "";
        long below = 0;
        for (var i = 0; i < bounds.Length; i++) text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{more}le=\"{bounds[i].ToString(CultureInfo.InvariantCulture).Replace('E', 'e')}\"}} {below += _buckets[i]}\n");
        text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{more}le=\"+Inf\"}} {_count}\n{name}_sum{braced} {_sum}\n{name}_count{braced} {_count}\n");
    }
}
