using Bramble.Api.Errors;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.Tests.Verbs;

public sealed class ContinueTokenTests
{
    public static TheoryData<string, string> Wrong => new()
    {
        { "abc", "invalid character 'i' looking for beginning of value" },
        { "a.b", "illegal base64 data at input byte 1" },
        { Encoded("""{"v":"v2","rv":1,"start":"x"}"""), "server does not recognize this encoded version v2" },
        { Encoded("""{"v":"meta.k8s.io/v1","start":"x"}"""), "incorrect encoded start resourceVersion (version meta.k8s.io/v1)" },
        { Encoded("""{"v":"meta.k8s.io/v1","rv":1}"""), "encoded start key empty (version meta.k8s.io/v1)" },
        { Encoded("""{"v":"meta.k8s.io/v1","rv":1,"start":"../x"}"""), "../x" },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void What_is_no_token_is_refused_in_upstreams_words(string token, string why)
    {
        var status = Assert.Throws<StatusException>(() => ContinueToken.Decode(token, "n")).Status;
        Assert.Equal((400, $"invalid continue token: continue key is not valid: {why}"), (status.Code, status.Message));
    }

    private static string Encoded(string json) => System.Buffers.Text.Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(json));
}
