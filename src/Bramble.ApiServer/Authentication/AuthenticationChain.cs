using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Authentication;

/// <summary>The authenticators in upstream's order: front proxy, client certificate, tokens, anonymous. The first that knows the user answers; errors of the others
/// count only when nobody does. A request that carries a credential nobody accepts is 401, never anonymous.</summary>
public sealed class AuthenticationChain(IReadOnlyList<IAuthenticator> authenticators, bool allowsAnonymous)
{
    /// <returns>A user (perhaps system:anonymous), or no user: answer 401 Unauthorized. The error is for the log, never for the client.</returns>
    public AuthenticationAnswer Authenticate(Credentials credentials)
    {
        var answer = AuthenticateToken(credentials);
        if (answer.User is not null || answer.Error is not null) return answer;
        return allowsAnonymous ? new AuthenticationAnswer(UserInfo.Anonymous) : AuthenticationAnswer.Failed("no credentials");
    }

    /// <summary>As <see cref="Authenticate(Credentials)"/>, but nobody is anonymous: for token reviews.</summary>
    internal AuthenticationAnswer AuthenticateToken(Credentials credentials)
    {
        List<string>? errors = null;
        foreach (var authenticator in authenticators)
        {
            var answer = authenticator.Authenticate(credentials);
            if (answer.User is { } user) return answer with { User = WithAuthenticatedGroup(user) };
            if (answer.Error is { } error) (errors ??= []).Add(error);
        }
        return errors switch
        {
            null => AuthenticationAnswer.None,
            [var one] => AuthenticationAnswer.Failed(one),
            _ => AuthenticationAnswer.Failed($"[{string.Join(", ", errors)}]"),
        };
    }

    public AuthenticationAnswer Authenticate(X509Certificate2? clientCertificate, IHeaderDictionary headers) => Authenticate(new Credentials(clientCertificate, headers));

    /// <summary>Everybody but anonymous is in system:authenticated.</summary>
    private static UserInfo WithAuthenticatedGroup(UserInfo user) =>
        user.Name == UserInfo.Anonymous.Name || user.Groups.Contains("system:authenticated") || user.Groups.Contains("system:unauthenticated")
            ? user
            : user with { Groups = [.. user.Groups, "system:authenticated"] };
}
