using System.Text.Json.Nodes;
using Bramble.ApiServer.Admission;

namespace Bramble.ApiServer.Tests.Admission;

public sealed class DefaultTolerationTests
{
    private const string NotReady = """{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":30}""";
    private const string Unreachable = """{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":60}""";

    [Theory]
    [InlineData("{}", $"[{NotReady},{Unreachable}]")]
    [InlineData("""{"tolerations":[{"key":"node.kubernetes.io/not-ready","effect":"NoExecute"}]}""", $$"""[{"key":"node.kubernetes.io/not-ready","effect":"NoExecute"},{{Unreachable}}]""")]
    [InlineData("""{"tolerations":[{"key":"node.kubernetes.io/unreachable","effect":"NoSchedule"}]}""", $$"""[{"key":"node.kubernetes.io/unreachable","effect":"NoSchedule"},{{NotReady}},{{Unreachable}}]""")]
    [InlineData("""{"tolerations":[{"operator":"Exists"}]}""", """[{"operator":"Exists"}]""")]
    public void A_Pod_that_does_not_say_stays_as_long_as_the_server_was_told(string spec, string expected)
    {
        var read = JsonNode.Parse(spec)!.AsObject();
        new DefaultTolerationSeconds(30, 60).AddTo(read);
        Assert.Equal(expected, read["tolerations"]!.ToJsonString());
    }
}
