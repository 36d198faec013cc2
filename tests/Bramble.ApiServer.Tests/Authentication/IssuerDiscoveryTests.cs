using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Bramble.ApiServer.Authentication;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Tests.Authentication;

public sealed class IssuerDiscoveryTests
{
    private const string Here = "192.0.2.1:6443";

    [Theory]
    [InlineData("https://issuer.example.com", null, "https://192.0.2.1:6443/openid/v1/jwks")]
    [InlineData("https://192.0.2.7:80/cluster", null, "https://192.0.2.1:6443/openid/v1/jwks")]
    // The keys are in a bucket: who checks a token does not reach this server.
    [InlineData("https://issuer.example.com", "https://issuer.example.com/keys.json", "https://issuer.example.com/keys.json")]
    public async Task The_issuer_and_where_its_keys_are_is_said(string issuer, string? keysUri, string said)
    {
        var metadata = await AnswerAsync(Routes(issuer, keysUri), "/.well-known/openid-configuration");
        Assert.Equal(
            $$"""{"issuer":"{{issuer}}","jwks_uri":"{{said}}","response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES256"]}""",
            metadata.ToJsonString());
    }

    [Fact]
    public async Task The_keys_are_the_public_halves_only()
    {
        var key = (await AnswerAsync(Routes("https://issuer.example.com", null), "/openid/v1/jwks"))["keys"]![0]!.AsObject();
        Assert.Equal(["use", "kty", "kid", "crv", "alg", "x", "y"], key.Select(field => field.Key));
    }

    [Theory]
    [InlineData("http://issuer.example.com", null)]
    [InlineData("issuer.example.com", null)]
    [InlineData("https://issuer.example.com?foo=bar", null)]
    [InlineData("https://issuer.example.com#baz", null)]
    [InlineData("https://issuer.example.com", "http://issuer.example.com/keys.json")]
    [InlineData("https://issuer.example.com", "issuer.example.com/keys.json")]
    public void What_nobody_could_follow_is_not_said(string issuer, string? keysUri) => Assert.Empty(Routes(issuer, keysUri));

    private static IReadOnlyList<ApiServer.Serving.NonResourceRoute> Routes(string issuer, string? keysUri)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var config = new AuthenticationConfig
        {
            ClientCa = new X509Certificate2Collection(),
            ServiceAccountSigningKeyPem = key.ExportPkcs8PrivateKeyPem(),
            ServiceAccountIssuers = [issuer],
            ServiceAccountKeysUri = keysUri,
        };
        return IssuerDiscovery.Routes(config, ServiceAccountKeys.Load(config.ServiceAccountSigningKeyPem, []), Here);
    }

    private static async Task<JsonObject> AnswerAsync(IReadOnlyList<ApiServer.Serving.NonResourceRoute> routes, string path)
    {
        var http = new DefaultHttpContext();
        using var body = new MemoryStream();
        http.Response.Body = body;
        await routes.Single(route => route.Path == path).Handler(http, UserInfo.Loopback, TestContext.Current.CancellationToken);
        Assert.Equal("public, max-age=3600", http.Response.Headers.CacheControl);
        return JsonNode.Parse(body.ToArray())!.AsObject();
    }
}
