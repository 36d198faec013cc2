using System.Security.Cryptography;
using Bramble.ApiServer.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.ApiServer.Tests.Authentication;

public sealed class ServiceAccountTokenTests
{
    private const string Issuer = "https://kubernetes.default.svc";
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly FixedReader _reader = new FixedReader()
        .With("", "serviceaccounts", """{"metadata":{"namespace":"n","name":"s","uid":"u1"}}""")
        .With("", "pods", """{"metadata":{"namespace":"n","name":"p","uid":"u2"}}""");

    public static TheoryData<string> KeyKinds => new() { "rsa", "p256", "p384", "p521" };

    [Theory, MemberData(nameof(KeyKinds))]
    public void A_fresh_token_is_its_service_account(string kind)
    {
        var (chain, issuer) = Compose(kind);
        var answer = Authenticate(chain, issuer.Issue(Claims() with { Pod = new BoundObject("p", "u2"), Node = new BoundObject("node1", "") }));
        Assert.Equal("system:serviceaccount:n:s", answer.User!.Name);
        Assert.Equal(["system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated"], answer.User.Groups);
        Assert.Equal("u1", answer.User.Uid);
        Assert.Equal(["p"], answer.User.Extra!["authentication.kubernetes.io/pod-name"]);
        Assert.Equal(["node1"], answer.User.Extra["authentication.kubernetes.io/node-name"]);
        Assert.StartsWith("JTI=", answer.User.Extra["authentication.kubernetes.io/credential-id"][0], StringComparison.Ordinal);
    }

    [Fact]
    public void It_ends_with_its_time_and_a_minute_of_leeway()
    {
        var (chain, issuer) = Compose("p256");
        var token = issuer.Issue(Claims());
        _time.Advance(TimeSpan.FromMinutes(60.5));
        Assert.NotNull(Authenticate(chain, token).User);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("[invalid bearer token, service account token has expired]", Authenticate(chain, token).Error);
    }

    [Fact]
    public void It_ends_with_the_pod_it_is_bound_to()
    {
        var (chain, issuer) = Compose("p256");
        var token = issuer.Issue(Claims() with { Pod = new BoundObject("p", "u2") });
        Assert.NotNull(Authenticate(chain, token).User);
        _reader.Remove("", "pods", new("n", "p"));
        Assert.Equal("[invalid bearer token, service account token has been invalidated]", Authenticate(chain, token).Error);
    }

    [Fact]
    public void It_ends_when_the_account_is_another_one_of_the_same_name()
    {
        var (chain, issuer) = Compose("p256");
        var token = issuer.Issue(Claims());
        _reader.With("", "serviceaccounts", """{"metadata":{"namespace":"n","name":"s","uid":"u9"}}""");
        Assert.Equal("[invalid bearer token, service account UID (u9) does not match claim (u1)]", Authenticate(chain, token).Error);
    }

    [Fact]
    public void It_is_for_its_audience_only()
    {
        var (chain, issuer) = Compose("p256");
        var token = issuer.Issue(Claims() with { Audiences = ["vault"] });
        Assert.Equal($"[invalid bearer token, token audiences [\"vault\"] is invalid for the target audiences [\"{Issuer}\"]]", Authenticate(chain, token).Error);
    }

    [Fact]
    public void A_changed_payload_or_another_key_is_refused()
    {
        var (chain, issuer) = Compose("p256");
        var parts = issuer.Issue(Claims()).Split('.');
        var other = Compose("p256").Issuer.Issue(Claims());
        Assert.Null(Authenticate(chain, $"{parts[0]}.{parts[1][..^4]}AAAA.{parts[2]}").User);
        Assert.Null(Authenticate(chain, other).User);
    }

    [Theory]
    [InlineData("Basic YTpi")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    public void What_is_no_bearer_token_is_anonymous(string header)
    {
        var (chain, _) = Compose("p256");
        Assert.Equal(UserInfo.Anonymous, chain.Authenticate(null, new HeaderDictionary { ["Authorization"] = header }).User);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("a.b.c")]
    public void A_token_nobody_knows_is_not_anonymous(string token)
    {
        var (chain, _) = Compose("p256");
        Assert.Equal("invalid bearer token", Authenticate(chain, token).Error);
    }

    private static TokenClaims Claims() => new(new("n", "s"), "u1", [Issuer], TimeSpan.FromHours(1));

    private static AuthenticationAnswer Authenticate(AuthenticationChain chain, string token) => chain.Authenticate(null, new HeaderDictionary { ["Authorization"] = $"Bearer {token}" });

    private (AuthenticationChain Chain, ServiceAccountTokenIssuer Issuer) Compose(string kind)
    {
        var pem = kind switch
        {
            "rsa" => RSA.Create(2048).ExportRSAPrivateKeyPem(),
            "p256" => ECDsa.Create(ECCurve.NamedCurves.nistP256).ExportECPrivateKeyPem(),
            "p384" => ECDsa.Create(ECCurve.NamedCurves.nistP384).ExportPkcs8PrivateKeyPem(),
            _ => ECDsa.Create(ECCurve.NamedCurves.nistP521).ExportPkcs8PrivateKeyPem(),
        };
        var keys = ServiceAccountKeys.Load(pem, []);
        var config = new AuthenticationConfig { ClientCa = [], ServiceAccountSigningKeyPem = pem, ServiceAccountIssuers = [Issuer], AllowsAnonymous = true };
        return (Authenticators.Compose(config, keys, _reader, _time), new ServiceAccountTokenIssuer(keys, Issuer, _time));
    }
}
