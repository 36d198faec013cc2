using System.Net;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Bootstrap;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Bootstrap;

/// <summary>The ServiceCIDR <c>kubernetes</c> after starts of the server with one range and another.</summary>
public sealed class DefaultServiceRangeTests
{
    [Theory]
    [InlineData("10.43.0.0/16", "10.43.0.0/16", "10.43.0.0/16")]
    [InlineData("10.43.0.0/16", "10.43.0.0/16 fd43::/112", "10.43.0.0/16 fd43::/112")]
    [InlineData("10.43.0.0/16", "10.96.0.0/16 fd43::/112", "10.43.0.0/16")] // another primary range: a person's to mend
    [InlineData("10.43.0.0/16 fd43::/112", "10.43.0.0/16", "10.43.0.0/16 fd43::/112")]
    public async Task A_second_family_comes_with_the_servers(string first, string second, string expected)
    {
        await using var api = await InMemoryApi.StartAsync();
        foreach (var ranges in (string[])[first, second])
            await new BootstrapObjects(api.Client, new BootstrapConfig
            {
                Advertise = new IPEndPoint(IPAddress.Loopback, 6443),
                ServiceCidrs = [.. ranges.Split(' ').Select(range => IPNetwork.Parse(range))],
                HostName = "n",
                Authentication = new AuthenticationConfig { ClientCa = [], ServiceAccountSigningKeyPem = "" },
            }, TimeProvider.System).EnsureServiceCidrAsync(TestContext.Current.CancellationToken);
        var range = (await api.Client.FindAsync(Resources.ServiceCIDRs, new NamespacedName("", "kubernetes"), TestContext.Current.CancellationToken))!.ToTree();
        Assert.Equal(expected, string.Join(' ', range["spec"]!["cidrs"]!.AsArray().Select(cidr => (string)cidr!)));
        Assert.Equal("True", (string?)range["status"]!["conditions"]![0]!["status"]);
    }
}
