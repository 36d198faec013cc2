using System.Text;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Bootstrap;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Bootstrap;

public sealed class ClusterInfoSignerTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_signature_is_the_one_that_kubeadm_checks()
    {
        var signed = ClusterInfoSigner.Signed(new JsonObject { ["kubeconfig"] = "Hello from the other side. I must have called a thousand times." }, [new BootstrapToken("joshua", "my voice is my passcode")]);
        Assert.Equal("eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8", (string?)signed!["jws-kubeconfig-joshua"]);
        Assert.Null(ClusterInfoSigner.Signed(signed, [new BootstrapToken("joshua", "my voice is my passcode")]));
        Assert.Null(ClusterInfoSigner.Signed(signed, [])!["jws-kubeconfig-joshua"]);
    }

    public static TheoryData<string, string, string, bool> Tokens => new()
    {
        { "may sign", "bootstrap-token-abcdef", Data("abcdef", "0123456789abcdef", "true", null), true },
        { "good for another minute", "bootstrap-token-abcdef", Data("abcdef", "0123456789abcdef", "true", "2026-07-01T12:01:00Z"), true },
        { "over", "bootstrap-token-abcdef", Data("abcdef", "0123456789abcdef", "true", "2026-07-01T12:00:00Z"), false },
        { "no time at all", "bootstrap-token-abcdef", Data("abcdef", "0123456789abcdef", "true", "soon"), false },
        { "a part of a second, elsewhere", "bootstrap-token-abcdef", Data("abcdef", "0123456789abcdef", "true", "2026-07-01T14:00:00.5+02:00"), true },
        { "a day is no time", "bootstrap-token-abcdef", Data("abcdef", "0123456789abcdef", "true", "2026-07-02"), false },
        { "nor is one without a zone", "bootstrap-token-abcdef", Data("abcdef", "0123456789abcdef", "true", "2026-07-02T12:00:00"), false },
        { "for joining only", "bootstrap-token-abcdef", Data("abcdef", "0123456789abcdef", "false", null), false },
        { "a name that is not its own", "bootstrap-token-ghijkl", Data("abcdef", "0123456789abcdef", "true", null), false },
        { "an id that is none", "bootstrap-token-abc", Data("abc", "0123456789abcdef", "true", null), false },
        { "without a secret", "bootstrap-token-abcdef", Data("abcdef", "", "true", null), false },
    };

    [Theory]
    [MemberData(nameof(Tokens))]
    public void Which_tokens_sign(string because, string name, string data, bool signs)
    {
        Assert.NotEmpty(because);
        var secret = KubeObject.Parse(Encoding.UTF8.GetBytes("{\"metadata\":{\"name\":\"" + name + "\"},\"type\":\"bootstrap.kubernetes.io/token\",\"data\":" + data + "}")).Model<V1Secret>();
        Assert.Equal(signs, BootstrapToken.ForSigning(secret, Noon) is not null);
    }

    [Fact]
    public async Task A_token_that_comes_signs_and_one_that_goes_takes_its_signature_along()
    {
        // Roles in kube-public and kube-system, not cluster roles.
        var rules = JsonNode.Parse("""[{"apiGroups":[""],"resources":["configmaps","secrets"],"verbs":["get","list","watch"]},{"apiGroups":[""],"resources":["configmaps"],"verbs":["update"]}]""")!.AsArray().Select(r => r!.AsObject()).ToList();
        await using var scenario = Start("bootstrap-signer", rules: rules);
        await scenario.CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"cluster-info","namespace":"kube-public"},"data":{"kubeconfig":"k"}}""");
        await scenario.CreateAsync(Resources.Secrets, "{\"metadata\":{\"name\":\"bootstrap-token-abcdef\",\"namespace\":\"kube-system\"},\"type\":\"bootstrap.kubernetes.io/token\",\"data\":" + Data("abcdef", "s", "true", null) + "}");
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.ConfigMaps, "cluster-info", "kube-public"))!["data"]!["jws-kubeconfig-abcdef"] is not null);
        await scenario.Api.DeleteAsync(Resources.Secrets, new Api.Naming.NamespacedName("kube-system", "bootstrap-token-abcdef"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.ConfigMaps, "cluster-info", "kube-public"))!["data"]!["jws-kubeconfig-abcdef"] is null);
    }

    private static string Data(string id, string secret, string signs, string? expiration)
    {
        var data = new JsonObject { ["token-id"] = Encode(id), ["token-secret"] = Encode(secret), ["usage-bootstrap-signing"] = Encode(signs) };
        if (expiration is not null) data["expiration"] = Encode(expiration);
        return data.ToJsonString();
    }

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
