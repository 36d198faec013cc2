using Bramble.Kubelet.Cri;

namespace Bramble.Kubelet.Tests.Cri;

public class CriRuntimeTests
{
    [Theory]
    [InlineData("containerd", "1.6.20~ds1", false)]
    [InlineData("containerd", "v1.6.36", false)]
    [InlineData("containerd", "1.7.24", true)]
    [InlineData("containerd", "v2.1.4", true)]
    [InlineData("containerd", "1.60.0", true)]
    [InlineData("cri-o", "1.6.0", true)]
    public void Containerd_1_6_has_no_container_events(string name, string version, bool expected) =>
        Assert.Equal(expected, CriRuntime.HasContainerEvents(new VersionResponse { RuntimeName = name, RuntimeVersion = version }));
}
