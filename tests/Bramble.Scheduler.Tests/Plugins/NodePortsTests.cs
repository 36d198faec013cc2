using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class NodePortsTests
{
    private const string Taken = "node(s) didn't have free ports for the requested pod ports";

    public static TheoryData<string, (string? Ip, string? Protocol, int Port), string> Cases => new()
    {
        { "the same port", (null, null, 80), Taken },
        { "another port", (null, null, 81), "fits" },
        { "another protocol", (null, "UDP", 80), "fits" },
        { "an address while all are taken", ("10.0.0.1", null, 80), Taken },
        { "two addresses", ("10.0.0.1", "TCP", 443), "fits" },
        { "all addresses while one is taken", (null, "TCP", 443), Taken },
        { "no host port", (null, null, 0), "fits" },
        { "all addresses, another protocol", ("0.0.0.0", "UDP", 443), "fits" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_host_port_is_used_once(string name, (string? Ip, string? Protocol, int Port) wanted, string expected)
    {
        _ = name;
        var cluster = Some.Cluster(Some.Node("a", labels: [])).On("a", WithPorts("x", (null, null, 80), ("10.0.0.2", "TCP", 443)));
        Assert.Equal(expected, new NodePorts().Says(WithPorts("p", wanted), cluster, "a"));
    }

    [Fact]
    public void Ports_of_sidecars_count_and_those_of_other_init_containers_do_not()
    {
        PodInfo Init(string name, string? policy) => Some.Pod(name, with: p => p.Spec.InitContainers = [new V1Container { Name = "i", RestartPolicy = policy, Ports = [new V1ContainerPort { HostPort = 80, ContainerPort = 80 }] }]);
        Assert.Equal(Taken, new NodePorts().Says(WithPorts("p", (null, null, 80)), Some.Cluster(Some.Node("a", labels: [])).On("a", Init("x", "Always")), "a"));
        Assert.Equal("fits", new NodePorts().Says(WithPorts("p", (null, null, 80)), Some.Cluster(Some.Node("a", labels: [])).On("a", Init("x", null)), "a"));
    }

    [Fact]
    public void Only_a_Pod_that_had_the_port_helps_by_going()
    {
        var pod = WithPorts("p", (null, null, 80));
        Assert.True(new NodePorts().Helps(pod, new(ChangeKinds.PodRemoved, WithPorts("x", (null, null, 80)), null)));
        Assert.False(new NodePorts().Helps(pod, new(ChangeKinds.PodRemoved, WithPorts("x", (null, null, 81)), null)));
        Assert.False(new NodePorts().Helps(pod, new(ChangeKinds.PodRemoved, Some.Pod("x"), null)));
        Assert.True(new NodePorts().Helps(pod, new(ChangeKinds.PodRemoved, WithPorts("x", ("10.0.0.1", "TCP", 80)), null)));
        Assert.True(new NodePorts().Helps(pod, new(ChangeKinds.NodeAdded, null, Some.Node("n", labels: []))));
    }

    private static PodInfo WithPorts(string name, params (string? Ip, string? Protocol, int Port)[] ports) => Some.Pod(name, with: p => p.Spec.Containers[0].Ports =
        [.. ports.Select(x => new V1ContainerPort { HostIP = x.Ip, Protocol = x.Protocol, HostPort = x.Port, ContainerPort = x.Port })]);
}
