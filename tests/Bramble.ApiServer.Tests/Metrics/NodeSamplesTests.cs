using Bramble.ApiServer.Metrics;

namespace Bramble.ApiServer.Tests.Metrics;

public sealed class NodeSamplesTests
{
    [Fact]
    public void A_kubelets_text_is_read()
    {
        var found = NodeSamples.Parse("""
            # HELP container_cpu_usage_seconds_total Cumulative cpu time consumed by the container in core-seconds
            # TYPE container_cpu_usage_seconds_total counter
            container_cpu_usage_seconds_total{container="main",namespace="default",pod="web"} 12.5 1795480900530
            container_memory_working_set_bytes{container="main",namespace="default",pod="web"} 1.048576e+06 1795480900530
            container_start_time_seconds{container="main",namespace="default",pod="web"} 1795480000
            node_cpu_usage_seconds_total 100.25 1795480900530
            node_memory_working_set_bytes 2048 1795480900530
            pod_cpu_usage_seconds_total{namespace="default",pod="web"} 13 1795480900530
            broken{
            node_cpu_usage_seconds_total not-a-number
            """);
        Assert.Equal(2, found.Count);
        Assert.Equal((100.25, 2048L), found[default]);
        Assert.Equal((12.5, 1L << 20), found[new("default", "web", "main")]);
    }

    [Fact]
    public void Any_text_is_survived() => CsCheck.Check.Sample(CsCheck.Gen.String, text => NodeSamples.Parse(text));

    [Fact]
    public void Cut_lines_are_survived()
    {
        const string Line = "container_cpu_usage_seconds_total{container=\"main\",namespace=\"default\",pod=\"web\"} 12.5 1";
        for (var length = 0; length <= Line.Length; length++) NodeSamples.Parse(Line[..length]);
    }
}
