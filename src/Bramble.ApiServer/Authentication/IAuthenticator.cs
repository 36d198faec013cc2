using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Authentication;

/// <summary>The credentials of one request: the TLS client certificate and the headers (Authorization, X-Remote-*, Sec-WebSocket-Protocol).</summary>
public sealed record Credentials(X509Certificate2? ClientCertificate, IHeaderDictionary Headers)
{
    /// <summary>The audiences a token must be for; empty: the API server's own.</summary>
    public IReadOnlyList<string> Audiences { get; init; } = [];
}

/// <summary>An authenticator's answer. <c>User</c> null without error: no credentials of this authenticator's kind, ask the next one.</summary>
/// <param name="Audiences">The requested audiences that the token is good for; null: the authenticator knows no audiences.</param>
/// <param name="Warning">What who asks is to be told about his credentials.</param>
public readonly record struct AuthenticationAnswer(UserInfo? User, string? Error = null, IReadOnlyList<string>? Audiences = null, string? Warning = null)
{
    public static AuthenticationAnswer None => default;
    public static AuthenticationAnswer Failed(string error) => new(null, error);
}

/// <summary>Finds out who asks from one kind of credentials. Reads memory only.</summary>
public interface IAuthenticator
{
    AuthenticationAnswer Authenticate(Credentials credentials);
}
