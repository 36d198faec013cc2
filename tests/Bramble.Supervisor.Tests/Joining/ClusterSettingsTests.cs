using System.Net;
using System.Text.Json.Nodes;
using Bramble.Supervisor.Joining;

namespace Bramble.Supervisor.Tests.Joining;

public sealed class ClusterSettingsTests
{
    private static readonly ClusterSettings Settings = new()
    {
        ServerNode = "pi1",
        Advertise = new IPEndPoint(IPAddress.Parse("192.168.1.2"), 6443),
        SupervisorPort = 6443,
        ClusterCidrs = [IPNetwork.Parse("10.42.0.0/16"), IPNetwork.Parse("fd00:42::/56")],
        ServiceCidrs = [IPNetwork.Parse("10.43.0.0/16"), IPNetwork.Parse("fd00:43::/112")],
        NodePorts = (30000, 32767),
        ClusterDns = [IPAddress.Parse("10.43.0.10")],
        ClusterDomain = "cluster.local",
        FlannelBackend = "vxlan",
        EgressSelectorMode = "agent",
        Disabled = new HashSet<string> { "traefik" },
        DisablesNetworkPolicy = true,
        MasqueradesIPv6Pods = true,
        UsesExternalIps = true,
    };

    [Fact]
    public void They_are_written_as_K3s_writes_them()
    {
        var document = Settings.Write();
        Assert.Equal("""{"IP":"10.42.0.0","Mask":"//8AAA=="}""", document["ClusterIPRange"]!.ToJsonString());
        Assert.Equal("""{"Base":30000,"Size":2768}""", document["ServiceNodePortRange"]!.ToJsonString());
        Assert.Equal("""{"traefik":true}""", document["Disables"]!.ToJsonString());
    }

    [Fact]
    public void What_is_written_is_read()
    {
        var read = ClusterSettings.Read(JsonNode.Parse(Settings.Write().ToJsonString())!.AsObject());
        Assert.Equal(Settings.ClusterCidrs, read.ClusterCidrs);
        Assert.Equal(Settings.ServiceCidrs, read.ServiceCidrs);
        Assert.Equal(Settings.NodePorts, read.NodePorts);
        Assert.Equal(Settings.ClusterDns, read.ClusterDns);
        Assert.Equal(Settings.Disabled, read.Disabled);
        Assert.Equal(Settings.Advertise, read.Advertise);
        Assert.True(read.DisablesNetworkPolicy);
        Assert.True(read.MasqueradesIPv6Pods);
        Assert.True(read.UsesExternalIps);
    }

    [Fact]
    public void Without_a_service_network_they_are_refused() => Assert.Throws<FormatException>(() => ClusterSettings.Read([]));
}
