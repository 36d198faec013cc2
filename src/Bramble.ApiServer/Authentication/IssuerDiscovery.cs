using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Serving;

namespace Bramble.ApiServer.Authentication;

/// <summary>OpenID Connect discovery of the service account issuer, so that others can check our tokens: its metadata and its public keys.</summary>
public static class IssuerDiscovery
{
    private const string KeysPath = "/openid/v1/jwks";

    /// <param name="externalAddress">host:port under which clients reach this server; part of jwks_uri unless that is configured.</param>
    /// <returns>No routes when the issuer or the place of the keys is no https URL: discovery would be a lie.</returns>
    public static IReadOnlyList<NonResourceRoute> Routes(AuthenticationConfig config, ServiceAccountKeys keys, string externalAddress)
    {
        var issuer = config.ServiceAccountIssuers[0];
        if (!Uri.TryCreate(issuer, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps || uri.Query.Length > 0 || uri.Fragment.Length > 0) return [];
        var keysUri = config.ServiceAccountKeysUri ?? $"https://{externalAddress}{KeysPath}";
        if (!Uri.TryCreate(keysUri, UriKind.Absolute, out var keysAt) || keysAt.Scheme != Uri.UriSchemeHttps) return [];
        var algorithms = new JsonArray();
        foreach (var algorithm in keys.Algorithms) algorithms.Add((JsonNode)JsonValue.Create(algorithm));
        var metadata = new JsonObject
        {
            ["issuer"] = issuer,
            ["jwks_uri"] = keysUri,
            ["response_types_supported"] = new JsonArray("id_token"),
            ["subject_types_supported"] = new JsonArray("public"),
            ["id_token_signing_alg_values_supported"] = algorithms,
        };
        return [Route("/.well-known/openid-configuration", "application/json", metadata), Route(KeysPath, "application/jwk-set+json", keys.ToKeySet())];
    }

    private static NonResourceRoute Route(string path, string contentType, JsonObject document)
    {
        var body = Encoding.UTF8.GetBytes(document.ToJsonString());
        return new NonResourceRoute(path, async (http, _, cancel) =>
        {
            // Upstream's router offers one representation, and takes no other Accept for it.
            if (!Accepts(http.Request.Headers.Accept.ToString(), contentType))
                throw new StatusException(new Status(406, "NotAcceptable", $"406: Not Acceptable\n\nAvailable representations: {contentType}", new StatusDetails()));
            http.Response.ContentType = contentType;
            http.Response.Headers.CacheControl = "public, max-age=3600";
            http.Response.ContentLength = body.Length;
            await http.Response.Body.WriteAsync(body, cancel);
        });
    }

    private static bool Accepts(string accept, string contentType) =>
        accept.Length == 0 || accept.Split(',').Any(clause => clause.Split(';')[0].Trim() is "*/*" or "" || clause.Split(';')[0].Trim() == contentType);
}
