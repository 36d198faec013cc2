using Bramble.Configuration;
using Bramble.Flags;
using Bramble.Network;

namespace Bramble.Tests.Configuration;

public sealed class FlannelConfTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    private FlannelConf Read(string text)
    {
        File.WriteAllText(_path, text);
        return FlannelConf.Read(_path);
    }

    [Fact]
    public void Flannels_own_file_is_understood()
    {
        Assert.Equal(new FlannelConf(FlannelBackend.Vxlan, 7, 4789), Read("""{"Network": "10.42.0.0/16", "Backend": {"Type": "vxlan", "VNI": 7, "Port": 4789}}"""));
        Assert.Equal(new FlannelConf(FlannelBackend.Vxlan, RoutesDirectly: true), Read("""{"Backend": {"Type": "vxlan", "DirectRouting": true}}"""));
        Assert.Equal(new FlannelConf(FlannelBackend.HostGw), Read("""{"Backend": {"Type": "host-gw"}}"""));
        Assert.Equal(new FlannelConf(FlannelBackend.WireguardNative), Read("""{"Backend": {"Type": "wireguard", "PersistentKeepaliveInterval": 25}}"""));
        Assert.Same(FlannelConf.None, Read("{}"));
        Assert.Same(FlannelConf.None, FlannelConf.Read(null));
    }

    [Theory]
    [InlineData("""{"Backend": {"Type": "udp"}}""", "Backend.Type \"udp\" is not one of vxlan, host-gw, wireguard")]
    [InlineData("""{"Backend": {"Type": "vxlan", "GBP": true}}""", "Bramble has no Backend.GBP")]
    [InlineData("""{"Backend": {"VNI": "x"}}""", "is no net-conf.json")]
    [InlineData("Backend:", "is no net-conf.json")]
    public void What_is_not_there_is_refused_in_one_line(string text, string message) => Assert.Contains(message, Assert.Throws<UsageException>(() => Read(text)).Message);

    [Fact]
    public void A_missing_file_is_told() => Assert.Equal("--flannel-conf: /nowhere does not exist", Assert.Throws<UsageException>(() => FlannelConf.Read("/nowhere")).Message);
}
