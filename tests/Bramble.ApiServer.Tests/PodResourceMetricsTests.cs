using System.Text.Json.Nodes;
using Bramble.ApiServer.Metrics;

namespace Bramble.ApiServer.Tests;

public sealed class PodResourceMetricsTests
{
    private const string One = "\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]";

    [Theory]
    [InlineData($$"""{"nodeName":"n",{{One}}}""", "Running", "request namespace=d,node=n,pod=p,priority=,resource=cpu,scheduler=,unit=cores 1")]
    [InlineData($$"""{"priority":0,"schedulerName":"s",{{One}}}""", "Pending", "request namespace=d,node=,pod=p,priority=0,resource=cpu,scheduler=s,unit=cores 1")]
    [InlineData($$"""{"nodeName":"n",{{One}}}""", "Succeeded", "")]
    [InlineData($$"""{"nodeName":"n",{{One}}}""", "Failed", "")]
    // Without a node it cannot have ended.
    [InlineData($$"""{{{One}}}""", "Failed", "request namespace=d,node=,pod=p,priority=,resource=cpu,scheduler=,unit=cores 1")]
    [InlineData("""{"containers":[{"resources":{"requests":{"cpu":"0"},"limits":{"example.com/gpu":"0"}}}]}""", "Pending", "")]
    [InlineData("""{"nodeName":"n","overhead":{"cpu":"100m","memory":"1Ki"},"containers":[{"resources":{"requests":{"cpu":"250m"},"limits":{"cpu":"500m"}}}]}""", "Running",
        "limit namespace=d,node=n,pod=p,priority=,resource=cpu,scheduler=,unit=cores 0.6|request namespace=d,node=n,pod=p,priority=,resource=cpu,scheduler=,unit=cores 0.35|"
        + "request namespace=d,node=n,pod=p,priority=,resource=memory,scheduler=,unit=bytes 1024")]
    [InlineData("""{"nodeName":"n","initContainers":[{"resources":{"limits":{"hugepages-2Mi":"4Mi"}}}],"containers":[{"resources":{"limits":{"hugepages-2Mi":"2Mi","attachable-volumes-x":"3","example.com/gpu":"2"}}}]}""", "Running",
        "limit namespace=d,node=n,pod=p,priority=,resource=attachable-volumes-x,scheduler=,unit=integer 3|limit namespace=d,node=n,pod=p,priority=,resource=example.com/gpu,scheduler=,unit= 2|"
        + "limit namespace=d,node=n,pod=p,priority=,resource=hugepages-2Mi,scheduler=,unit=bytes 4194304")]
    public void What_a_Pod_asks_for_and_may_use(string spec, string phase, string expected)
    {
        var pod = JsonNode.Parse($$$"""{"metadata":{"name":"p","namespace":"d"},"spec":{{{spec}}},"status":{"phase":"{{{phase}}}"}}""")!.AsObject();
        var lines = PodResourceMetrics.Text([pod]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(expected, string.Join('|', lines.Where(l => l[0] != '#').Select(l => l.Replace("kube_pod_resource_", "").Replace("\"", "").Replace('{', ' ').Replace("}", ""))));
        Assert.Equal(lines.Where(l => l[0] != '#').Select(l => l[..l.IndexOf('{')]).Distinct().Select(name => $"# TYPE {name} gauge"), lines.Where(l => l.StartsWith("# TYPE", StringComparison.Ordinal)));
    }
}
