using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Cri;
using k8s.Models;

namespace Bramble.Kubelet.Tests.Containers;

public sealed class UserNamespacesTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();
    private readonly RuntimeSupport _support = new();

    public UserNamespacesTests()
    {
        var status = new StatusResponse();
        status.RuntimeHandlers.Add(new RuntimeHandler { Name = "", Features = new() { UserNamespaces = true } });
        status.RuntimeHandlers.Add(new RuntimeHandler { Name = "old", Features = new() });
        _support.Update(status);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static V1Pod Pod(string uid) => new() { Metadata = new() { Uid = uid }, Spec = new() { HostUsers = false } };

    [Fact]
    public void Each_pod_has_its_own_and_keeps_it()
    {
        var users = new UserNamespaces(_folder.FullName, 110, _support);
        var first = users.Of(Pod("a"), "");
        Assert.Equal((NamespaceMode.Pod, 65536u, 0u, 65536u), (first.Mode, first.Uids.Single().HostId, first.Uids[0].ContainerId, first.Uids[0].Length));
        Assert.Equal(first.Uids, first.Gids);
        Assert.Equal(131072u, users.Of(Pod("b"), "").Uids[0].HostId);
        // Another process of the node, and the same pods.
        var again = new UserNamespaces(_folder.FullName, 110, _support);
        Assert.Equal(131072u, again.Of(Pod("b"), "").Uids[0].HostId);
        Assert.Equal(65536u, again.Of(Pod("a"), "").Uids[0].HostId);
        // A pod that has ended has no folder any more.
        Directory.Delete(Path.Combine(_folder.FullName, "a"), recursive: true);
        Assert.Equal(65536u, again.Of(Pod("c"), "").Uids[0].HostId);
    }

    [Theory]
    [InlineData("old", "can't set `spec.hostUsers: false`, RuntimeClass handler \"old\" does not support user namespaces")]
    [InlineData("unknown", "can't set `spec.hostUsers: false`, RuntimeClass handler \"unknown\" does not support user namespaces")]
    public void A_runtime_that_cannot_is_not_asked(string handler, string why) =>
        Assert.Equal(why, Assert.Throws<ContainerConfigException>(() => new UserNamespaces(_folder.FullName, 110, _support).Of(Pod("a"), handler)).Message);

    [Fact]
    public void A_runtime_that_says_nothing_is_not_asked() => Assert.Equal(
        "can't set `spec.hostUsers: false`, runtime does not support user namespaces",
        Assert.Throws<ContainerConfigException>(() => new UserNamespaces(_folder.FullName, 110, new RuntimeSupport()).Of(Pod("a"), "")).Message);

    [Fact]
    public void There_are_as_many_as_pods()
    {
        var users = new UserNamespaces(_folder.FullName, 1, _support);
        for (var i = 0; i < 110; i++) users.Of(Pod($"p{i}"), "");
        Assert.Contains("could not find an empty slot", Assert.Throws<ContainerConfigException>(() => users.Of(Pod("more"), "")).Message);
    }

    [Theory]
    [InlineData(null, true, "False")]
    [InlineData("Disabled", true, "False")]
    [InlineData("IfPossible", true, "True")]
    [InlineData("IfPossible", false, "False")]
    [InlineData("Enabled", true, "True")]
    [InlineData("Enabled", false, "volume \"v\" requested recursive read-only mode, but it is not supported by the runtime")]
    public void Mounts_below_a_read_only_one(string? wanted, bool isSupported, string expected)
    {
        string shown;
        try
        {
            shown = ContainerConfigs.IsRecursiveReadOnly(new V1VolumeMount { Name = "v", MountPath = "/v", ReadOnlyProperty = true, RecursiveReadOnly = wanted }, isSupported).ToString();
        }
        catch (ContainerConfigException e)
        {
            shown = e.Message;
        }
        Assert.Equal(expected, shown);
    }
}
