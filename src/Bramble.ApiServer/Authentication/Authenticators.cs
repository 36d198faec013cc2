using System.Text.Json.Nodes;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Authentication;

/// <summary>Puts the authenticators together; the order is upstream's.</summary>
public static class Authenticators
{
    /// <param name="noteLegacyUse">Gets the Secret of each token kept in one that is shown.</param>
    public static AuthenticationChain Compose(AuthenticationConfig config, ServiceAccountKeys keys, IResourceReader reader, TimeProvider time, Action<JsonObject>? noteLegacyUse = null)
    {
        var audiences = AudiencesOf(config);
        List<IAuthenticator> chain = [];
        if (config.RequestHeader is { } requestHeader) chain.Add(new RequestHeaderAuthenticator(requestHeader, time));
        chain.Add(new CertificateAuthenticator(config.ClientCa, time));
        if (config.StaticPassword is { } password) chain.Add(new PasswordAuthenticator(password));
        List<ITokenAuthenticator> tokens = [];
        if (config.StaticToken is { } token) tokens.Add(new StaticTokens(token, audiences));
        tokens.Add(new LegacyTokenAuthenticator(keys, audiences, reader, noteLegacyUse));
        tokens.Add(new ServiceAccountTokenAuthenticator(keys, config.ServiceAccountIssuers, audiences, reader, time));
        tokens.Add(new BootstrapTokenAuthenticator(reader, time, audiences));
        chain.Add(new BearerTokenAuthenticator(tokens, audiences));
        return new AuthenticationChain(chain, config.AllowsAnonymous);
    }

    /// <summary>--api-audiences, or else the issuers.</summary>
    public static IReadOnlyList<string> AudiencesOf(AuthenticationConfig config) => config.ApiAudiences.Count > 0 ? config.ApiAudiences : config.ServiceAccountIssuers;
}
