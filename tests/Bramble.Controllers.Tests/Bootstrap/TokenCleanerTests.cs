using System.Text;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Bootstrap;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Bootstrap;

public sealed class TokenCleanerTests
{
    /// <param name="left">Seconds at noon; null: it is good for ever.</param>
    [Theory]
    [InlineData("", null)]
    [InlineData("2024-01-01T12:01:00Z", 60)]
    [InlineData("2024-01-01T14:01:00+02:00", 60)]
    [InlineData("2024-01-01T12:00:00Z", 0)]
    [InlineData("2024-01-01T11:00:00Z", -3600)]
    [InlineData("2024-01-01T12:01:00", 0)]            // without a zone it is no time
    [InlineData("tomorrow", 0)]
    public void How_long_a_token_is_good(string expiration, int? left)
    {
        var secret = new V1Secret { Data = new Dictionary<string, byte[]> { ["expiration"] = Encoding.UTF8.GetBytes(expiration) } };
        Assert.Equal(left is { } seconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue, BootstrapToken.Left(secret, new DateTimeOffset(2024, 1, 1, 12, 0, 0, TimeSpan.Zero)));
    }

    [Fact]
    public async Task One_goes_when_its_time_is_over_and_others_stay()
    {
        await using var scenario = Start("token-cleaner", rules: [JsonNode.Parse("""{"apiGroups":[""],"resources":["secrets"],"verbs":["get","list","watch","delete"]}""")!.AsObject()]);      // as its Role in kube-system has it
        var soon = Convert.ToBase64String("2024-01-01T12:10:00Z"u8);
        await scenario.CreateAsync(Resources.Secrets, $$$"""{"metadata":{"name":"bootstrap-token-abcdef","namespace":"kube-system"},"type":"bootstrap.kubernetes.io/token","data":{"expiration":"{{{soon}}}"}}""");
        await scenario.CreateAsync(Resources.Secrets, """{"metadata":{"name":"bootstrap-token-000000","namespace":"kube-system"},"type":"bootstrap.kubernetes.io/token","data":{}}""");
        await scenario.CreateAsync(Resources.Secrets, $$$"""{"metadata":{"name":"other","namespace":"d"},"type":"bootstrap.kubernetes.io/token","data":{"expiration":"{{{soon}}}"}}""");
        var waited = await scenario.Time.UntilAsync(30, async () => await scenario.FindAsync(Resources.Secrets, "bootstrap-token-abcdef", "kube-system") is null);
        Assert.InRange(waited, TimeSpan.FromMinutes(10), TimeSpan.FromHours(2));
        Assert.NotNull(await scenario.FindAsync(Resources.Secrets, "bootstrap-token-000000", "kube-system"));
        Assert.NotNull(await scenario.FindAsync(Resources.Secrets, "other", "d"));
    }
}
