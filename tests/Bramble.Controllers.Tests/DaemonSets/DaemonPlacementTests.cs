using Bramble.Controllers.DaemonSets;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.DaemonSets;

public sealed class DaemonPlacementTests
{
    private const string ZoneOrName = """{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"zone","operator":"In","values":["Z"]}]},{"matchFields":[{"key":"metadata.name","operator":"In","values":["N"]}]}]} } }""";

    /// <param name="taint">key:effect of the node n, which has the label zone=a.</param>
    [Theory]
    [InlineData("nothing speaks against it", "{}", "", true, true)]
    [InlineData("for another node", """{"nodeName":"m"}""", "", false, false)]
    [InlineData("for this one by name, but not by label", """{"nodeName":"n","nodeSelector":{"zone":"b"} }""", "", false, false)]
    [InlineData("by label", """{"nodeSelector":{"zone":"a"} }""", "", true, true)]
    [InlineData("any of the terms will do", "zone a, name m", "", true, true)]
    [InlineData("a term of the name too", "zone b, name n", "", true, true)]
    [InlineData("no term", "zone b, name m", "", false, false)]
    [InlineData("what is there stays where none would be started", "{}", "t:NoSchedule", false, true)]
    [InlineData("out", "{}", "t:NoExecute", false, false)]
    [InlineData("only a preference", "{}", "t:PreferNoSchedule", true, true)]
    [InlineData("tolerated", """{"tolerations":[{"key":"t","operator":"Exists"}]}""", "t:NoExecute", true, true)]
    [InlineData("a node that is not ready", "{}", "node.kubernetes.io/not-ready:NoExecute", true, true)]
    [InlineData("it may not be ready for scheduling either", "{}", "node.kubernetes.io/not-ready:NoSchedule", false, true)]
    [InlineData("cordoned", "{}", "node.kubernetes.io/unschedulable:NoSchedule", true, true)]
    [InlineData("no network, and it needs one", "{}", "node.kubernetes.io/network-unavailable:NoSchedule", false, true)]
    [InlineData("no network, and it brings one", """{"hostNetwork":true}""", "node.kubernetes.io/network-unavailable:NoSchedule", true, true)]
    public void Where_a_Pod_is_started_and_where_one_may_stay(string because, string spec, string taint, bool shouldRun, bool mayStay)
    {
        Assert.NotEmpty(because);
        if (spec.StartsWith("zone", StringComparison.Ordinal)) spec = $$"""{"affinity":{{ZoneOrName.Replace('Z', spec[5]).Replace('N', spec[^1])}} }""";
        var taints = taint.Length == 0 ? "[]" : $$"""[{"key":"{{taint.Split(':')[0]}}","effect":"{{taint.Split(':')[1]}}"}]""";
        Assert.Equal((shouldRun, mayStay), DaemonPlacement.Decide(Model<V1Pod>($$"""{"metadata":{"name":"p"},"spec":{{spec}} }""").Spec, Node("n", "\"zone\":\"a\"", taints)));
    }

    [Fact]
    public void A_Pod_is_pinned_to_its_node_and_keeps_what_it_prefers()
    {
        var spec = Tree("""
            {"affinity":{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1}],"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"zone","operator":"Exists"}]}]} } },
             "tolerations":[{"key":"own","operator":"Exists"},{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":5}]}
            """);
        DaemonPlacement.Pin(spec, "n");
        Assert.Equal(
            """{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1}],"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchFields":[{"key":"metadata.name","operator":"In","values":["n"]}]}]}}""",
            spec["affinity"]!["nodeAffinity"]!.ToJsonString());
        Assert.Equal(
            "own: for ever, not-ready:NoExecute for ever, unreachable:NoExecute for ever, disk-pressure:NoSchedule for ever, memory-pressure:NoSchedule for ever, pid-pressure:NoSchedule for ever, unschedulable:NoSchedule for ever",
            string.Join(", ", spec["tolerations"]!.AsArray().Select(t => $"{((string)t!["key"]!).Split('/')[^1]}:{t["effect"]} for {(string?)t["tolerationSeconds"]?.ToJsonString() ?? "ever"}")));
    }

    [Theory]
    [InlineData("where it is", """{"nodeName":"n"}""", "n")]
    [InlineData("where it is to be", "[\"n\"]", "n")]
    [InlineData("not one node", "[\"n\",\"m\"]", null)]
    [InlineData("anywhere", "{}", null)]
    public void The_node_of_a_Pod(string because, string spec, string? node)
    {
        Assert.NotEmpty(because);
        if (spec[0] == '[') spec = $$$"""{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchFields":[{"key":"metadata.name","operator":"In","values":{{{spec}}}}]}]} } } }""";
        Assert.Equal(node, DaemonPlacement.TargetOf(Model<V1Pod>($$"""{"metadata":{"name":"p"},"spec":{{spec}} }""")));
    }
}
