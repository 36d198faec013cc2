using System.Text;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.ServiceAccounts;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.ServiceAccounts;

public sealed class TokenSecretTests
{
    private const string Type = "kubernetes.io/service-account-token";
    private const string Full = "ca.crt=CA,namespace=n,token=T";

    /// <param name="annotations">Of the Secret: account and uid.</param>
    /// <param name="data">Of the Secret, not encoded.</param>
    /// <param name="account">The uid of what has its account's name; null: nothing has.</param>
    /// <param name="expected">"keep", "delete", or the data it gets.</param>
    [Theory]
    [InlineData("new", Type, "a", "", "u", "CA", Full)]
    [InlineData("whole", Type, "a u", Full, "u", "CA", "keep")]
    [InlineData("whole, without its uid: nothing to write for", Type, "a", Full, "u", "CA", "keep")]
    [InlineData("without token", Type, "a u", "ca.crt=CA,namespace=n", "u", "CA", Full)]
    [InlineData("with an empty token", Type, "a u", "ca.crt=CA,namespace=n,token=", "u", "CA", Full)]
    [InlineData("without CA", Type, "a u", "namespace=n,token=mine", "u", "CA", "ca.crt=CA,namespace=n,token=mine")]
    [InlineData("with another CA", Type, "a u", "ca.crt=old,namespace=n,token=mine", "u", "CA", "ca.crt=CA,namespace=n,token=mine")]
    [InlineData("a cluster without CA leaves the one that is there", Type, "a u", "ca.crt=old,namespace=n,token=mine", "u", "", "keep")]
    [InlineData("a cluster without CA gives none", Type, "a", "", "u", "", "namespace=n,token=T")]
    [InlineData("without namespace", Type, "a u", "ca.crt=CA,token=mine", "u", "CA", "ca.crt=CA,namespace=n,token=mine")]
    [InlineData("with a namespace of the user's", Type, "a u", "ca.crt=CA,namespace=custom,token=mine", "u", "CA", "keep")]
    [InlineData("other data stays", Type, "a u", "extra=x,namespace=n,token=mine", "u", "CA", "ca.crt=CA,extra=x,namespace=n,token=mine")]
    [InlineData("without account", Type, "a u", Full, null, "CA", "delete")]
    [InlineData("new, without account", Type, "a", "", null, "CA", "delete")]
    [InlineData("the account was made anew", Type, "a old", Full, "u", "CA", "delete")]
    [InlineData("says no account", Type, "", "", "u", "CA", "keep")]
    [InlineData("another type", "Opaque", "a old", "", null, "CA", "keep")]
    public void Decide(string because, string type, string annotations, string data, string? account, string rootCa, string expected)
    {
        Assert.NotEmpty(because);
        var decided = TokenSecret.Decide(Secret(type, annotations, data), account is null ? null : Account(account), rootCa, _ => "T");
        Assert.Equal(expected, decided switch
        {
            TokenSecret.Keep => "keep",
            TokenSecret.Delete => "delete",
            TokenSecret.Fill(var secret) => string.Join(',', secret["data"]!.AsObject().OrderBy(d => d.Key).Select(d => $"{d.Key}={Encoding.UTF8.GetString(Convert.FromBase64String((string)d.Value!))}")),
            _ => "?",
        });
        // A token is good for one account: the Secret says which from then on.
        if (decided is TokenSecret.Fill(var filled)) Assert.Equal("""{"kubernetes.io/service-account.name":"a","kubernetes.io/service-account.uid":"u"}""", filled["metadata"]!["annotations"]!.ToJsonString());
    }

    [Fact]
    public void A_token_is_signed_only_when_there_is_none()
    {
        Assert.IsType<TokenSecret.Fill>(TokenSecret.Decide(Secret(Type, "a u", "token=mine"), Account("u"), "CA", _ => throw new InvalidOperationException("signed")));
        Assert.IsType<TokenSecret.Delete>(TokenSecret.Decide(Secret(Type, "a u", ""), Account("other"), "CA", _ => throw new InvalidOperationException("signed")));
    }

    [Theory]
    [InlineData("""[{"name":"x"},{"name":"t"},{"name":"y"}]""", """[{"name":"x"},{"name":"y"}]""")]
    [InlineData("""[{"name":"t"},{"name":"t"}]""", "[]")]
    [InlineData("""[{"name":"x"}]""", null)]
    [InlineData("[]", null)]
    [InlineData(null, null)]
    public void WithoutReference(string? secrets, string? expected)
    {
        var account = KubeObject.Parse(Encoding.UTF8.GetBytes("{\"metadata\":{\"name\":\"a\"}" + (secrets is null ? "" : ",\"secrets\":" + secrets) + "}"));
        Assert.Equal(expected, TokenSecret.WithoutReference(account, "t")?["secrets"]!.ToJsonString());
    }

    [Fact]
    public async Task A_Secret_that_is_gone_is_forgotten_by_its_own_account_only()
    {
        var config = new ControllersConfig([], "CA") { IssueAccountToken = (account, uid, secret) => $"{account} {uid} {secret}" };
        await using var scenario = Start("system:kube-controller-manager", config: config, rules: RoleCheckedClient.RulesOf("system:kube-controller-manager"));
        await scenario.CreateAsync(Resources.ServiceAccounts, """{"metadata":{"name":"a","namespace":"n"},"secrets":[{"name":"t"},{"name":"x"}]}""");
        await scenario.CreateAsync(Resources.ServiceAccounts, """{"metadata":{"name":"b","namespace":"n"},"secrets":[{"name":"t"}]}""");
        var uid = (await scenario.Api.FindAsync(Resources.ServiceAccounts, new NamespacedName("n", "a"), default))!.Uid;
        await scenario.CreateAsync(Resources.Secrets, $$$"""{"metadata":{"name":"t","namespace":"n","annotations":{"kubernetes.io/service-account.name":"a"}},"type":"{{{Type}}}"}""");
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.Secrets, "t", "n"))!["data"]?["token"] == Convert.ToBase64String(Encoding.UTF8.GetBytes($"n/a {uid} t")));
        await scenario.Api.DeleteAsync(Resources.Secrets, new NamespacedName("n", "t"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (await SecretsOf("a")) == """[{"name":"x"}]""");
        // Every account was looked at by now: the Secret of a second is filled and gone too.
        await scenario.Api.DeleteAsync(Resources.ServiceAccounts, new NamespacedName("n", "a"), new DeleteQuery(), default);
        await scenario.CreateAsync(Resources.Secrets, $$$"""{"metadata":{"name":"late","namespace":"n","annotations":{"kubernetes.io/service-account.name":"a"}},"type":"{{{Type}}}"}""");
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.Secrets, "late", "n") is null);
        Assert.Equal("""[{"name":"t"}]""", await SecretsOf("b"));

        async Task<string?> SecretsOf(string account) => (await scenario.FindAsync(Resources.ServiceAccounts, account, "n"))!["secrets"]?.ToJsonString();
    }

    private static KubeObject Secret(string type, string annotations, string data)
    {
        var values = annotations.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] names = ["kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"];
        var pairs = data.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(d => d.Split('=')).Select(d => $"\"{d[0]}\":\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(d[1]))}\"");
        return KubeObject.Parse(Encoding.UTF8.GetBytes($$$"""
            {"metadata":{"name":"t","namespace":"n","annotations":{ {{{string.Join(',', names.Zip(values, (n, v) => $"\"{n}\":\"{v}\""))}}} } },"type":"{{{type}}}","data":{ {{{string.Join(',', pairs)}}} } }
            """));
    }

    private static V1ServiceAccount Account(string uid) => Some.Model<V1ServiceAccount>($$$"""{"metadata":{"name":"a","namespace":"n","uid":"{{{uid}}}"}}""");
}
