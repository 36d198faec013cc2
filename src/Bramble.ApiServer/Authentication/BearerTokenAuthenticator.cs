using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Authentication;

/// <summary>Finds out who a bearer token belongs to.</summary>
internal interface ITokenAuthenticator
{
    /// <param name="audiences">What the token must be for.</param>
    AuthenticationAnswer Authenticate(string token, IReadOnlyList<string> audiences);
}

/// <summary>Bearer tokens, from the Authorization header or (browsers cannot set one) from a WebSocket subprotocol. The first kind of token that knows it answers.</summary>
internal sealed class BearerTokenAuthenticator(IReadOnlyList<ITokenAuthenticator> tokens, IReadOnlyList<string> apiAudiences) : IAuthenticator
{
    private const string Invalid = "invalid bearer token";
    private const string ProtocolPrefix = "base64url.bearer.authorization.k8s.io.";

    public AuthenticationAnswer Authenticate(Credentials credentials)
    {
        string? error = null;
        var token = FromHeader(credentials.Headers) ?? FromProtocol(credentials.Headers, out error);
        if (token is null) return error is null ? AuthenticationAnswer.None : AuthenticationAnswer.Failed(error);
        var audiences = credentials.Audiences.Count > 0 ? credentials.Audiences : apiAudiences;
        List<string> errors = [Invalid];
        foreach (var kind in tokens)
        {
            var answer = kind.Authenticate(token, audiences);
            if (answer.User is not null) return answer;
            if (answer.Error is { } why) errors.Add(why);
        }
        return AuthenticationAnswer.Failed(errors.Count == 1 ? Invalid : $"[{string.Join(", ", errors)}]");
    }

    /// <summary>Null: no bearer token. A scheme without a token is no credential at all.</summary>
    private static string? FromHeader(IHeaderDictionary headers)
    {
        var header = headers.Authorization is [{ } first, ..] ? first.Trim() : "";
        var space = header.IndexOf(' ');
        if (space < 0 || !header.AsSpan(0, space).Equals("bearer", StringComparison.OrdinalIgnoreCase)) return null;
        var token = header[(space + 1)..];
        var end = token.IndexOf(' ');
        if (end >= 0) token = token[..end];
        return token.Length == 0 ? null : token;
    }

    private static string? FromProtocol(IHeaderDictionary headers, out string? error)
    {
        error = null;
        if (!headers.ContainsKey("Sec-WebSocket-Protocol")) return null;
        var protocols = headers["Sec-WebSocket-Protocol"].SelectMany(value => (value ?? "").Split(',', StringSplitOptions.TrimEntries)).ToList();
        var encoded = protocols.Where(p => p.StartsWith(ProtocolPrefix, StringComparison.Ordinal)).Select(p => p[ProtocolPrefix.Length..]).ToList();
        if (encoded.Count == 0) return null;
        if (encoded.Count > 1) error = "multiple base64.bearer.authorization tokens specified";
        else if (!Base64Url.IsValid(encoded[0])) error = "invalid base64.bearer.authorization token encoding";
        else if (protocols.Count == 1) error = "missing additional subprotocol";
        if (error is not null) return null;
        var token = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(encoded[0]));
        return token.Length == 0 ? null : token;
    }
}

/// <summary>Tokens the supervisor knows.</summary>
internal sealed class StaticTokens(Func<string, UserInfo?> find, IReadOnlyList<string> apiAudiences) : ITokenAuthenticator
{
    public AuthenticationAnswer Authenticate(string token, IReadOnlyList<string> audiences) => new(find(token), Audiences: [.. audiences.Intersect(apiAudiences)]);
}
