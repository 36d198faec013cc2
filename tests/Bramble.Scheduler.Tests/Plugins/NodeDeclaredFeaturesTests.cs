using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class NodeDeclaredFeaturesTests
{
    private const string Undeclared = "node(s) didn't match Pod's required features!", RestartsAll = "RestartAllContainersOnContainerExits", UsersOfHostNetwork = "UserNamespacesHostNetworkSupport";

    public static TheoryData<string, Action<V1PodSpec>, string[], string> Cases => new()
    {
        { "asks for nothing", _ => { }, [], "fits" },
        { "a container restarts all", p => p.Containers[0].RestartPolicyRules = Rules("RestartAllContainers"), [RestartsAll], "fits" },
        { "the node declares nothing", p => p.Containers[0].RestartPolicyRules = Rules("RestartAllContainers"), [], Undeclared },
        { "an init container restarts all", p => p.InitContainers = [new V1Container { Name = "i", RestartPolicyRules = Rules("RestartAllContainers") }], ["Other"], Undeclared },
        { "other rules need nothing", p => p.Containers[0].RestartPolicyRules = Rules("Restart"), [], "fits" },
        { "both are needed, one is declared", p =>
        {
            (p.HostNetwork, p.HostUsers) = (true, false);
            p.Containers[0].RestartPolicyRules = Rules("RestartAllContainers");
        }, [RestartsAll], Undeclared },
        { "more is declared than needed", p => (p.HostNetwork, p.HostUsers) = (true, false), ["Other", RestartsAll, UsersOfHostNetwork], "fits" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_a_Pod_needs_its_node_must_declare(string name, Action<V1PodSpec> change, string[] declared, string expected)
    {
        _ = name;
        Assert.Equal(expected, new NodeDeclaredFeatures().Says(Some.Pod("p", with: p => change(p.Spec)), Some.Cluster(Some.Node("a", with: n => n.Status.DeclaredFeatures = declared)), "a"));
    }

    [Fact]
    public void A_node_that_declares_something_else_is_a_change_that_may_help()
    {
        static V1Node Node(params string[] declared) => Some.Node("a", with: n => n.Status.DeclaredFeatures = declared);
        Assert.Equal(ChangeKinds.NodeDeclaredFeatures, NodeChanges.Between(Node(), Node("x")));
        Assert.Equal(ChangeKinds.NodeDeclaredFeatures, NodeChanges.Between(Node("x"), Node("y")));
        Assert.Equal(ChangeKinds.None, NodeChanges.Between(Node("x"), Node("x")));
        Assert.Equal(ChangeKinds.NodeAdded | ChangeKinds.NodeDeclaredFeatures, new NodeDeclaredFeatures().MayHelp);
    }

    private static List<V1ContainerRestartRule> Rules(string action) => [new V1ContainerRestartRule { Action = action }];
}
