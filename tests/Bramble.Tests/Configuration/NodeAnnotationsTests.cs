using System.Net;
using Bramble.Configuration;

namespace Bramble.Tests.Configuration;

public class NodeAnnotationsTests
{
    [Fact]
    public void Arguments_and_variables_are_told_and_secrets_are_not()
    {
        var annotations = NodeAnnotations.Of("agent", ["--server=https://h:6443", "--token", "secret", "-t", "other", "--agent-token=x", "-token", "third", "-t=fourth", "--debug"],
            new Dictionary<string, string> { ["K3S_TOKEN"] = "secret", ["K3S_NODE_NAME"] = "pi", ["PATH"] = "/bin" }, "pi", [IPAddress.Parse("192.168.1.10"), IPAddress.Parse("fd00::10")], [], ["pi.lan", "pi"], []);
        Assert.Equal("""["agent","--server","https://h:6443","--token","********","-t","********","--agent-token","********","-token","********","-t","********","--debug"]""", annotations["k3s.io/node-args"]);
        Assert.Equal("""{"K3S_NODE_NAME":"pi","K3S_TOKEN":"********"}""", annotations["k3s.io/node-env"]);
        Assert.Equal("192.168.1.10,fd00::10", annotations["k3s.io/internal-ip"]);
        Assert.Equal("192.168.1.10,fd00::10", annotations["alpha.kubernetes.io/provided-node-ip"]);
        Assert.Matches("^[A-Z2-7]{52}====$", annotations["k3s.io/node-config-hash"]);
        Assert.Equal("pi.lan,pi", annotations["k3s.io/internal-dns"]);
        Assert.DoesNotContain("k3s.io/external-ip", annotations.Keys);
        Assert.DoesNotContain("k3s.io/external-dns", annotations.Keys);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("f", "MY======")]
    [InlineData("foob", "MZXW6YQ=")]
    [InlineData("foobar", "MZXW6YTBOI======")]
    public void Base32_is_RFC_4648s(string text, string expected) => Assert.Equal(expected, NodeAnnotations.Base32(System.Text.Encoding.ASCII.GetBytes(text)));
}
