using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Caching;
using Bramble.Client;

namespace Bramble.ApiServer.Authentication;

/// <summary>Tokens of the TokenRequest API. Signature, issuer, audience and times are checked, and that what the token is bound to still is there: the service
/// account and its pod, secret or node, each with the uid the token names. Checked signatures are remembered; the objects are looked up every time.</summary>
internal sealed class ServiceAccountTokenAuthenticator(
    ServiceAccountKeys keys,
    IReadOnlyList<string> issuers,
    IReadOnlyList<string> apiAudiences,
    IResourceReader reader,
    TimeProvider time) : ITokenAuthenticator
{
    /// <summary>Clocks may differ by this much (go-jose's leeway).</summary>
    private static readonly TimeSpan Leeway = TimeSpan.FromMinutes(1);

    private readonly CheckedTokens _checked = new();

    public AuthenticationAnswer Authenticate(string token, IReadOnlyList<string> audiences)
    {
        if (!_checked.TryGet(token, out var jwt))
        {
            if (JsonWebToken.Parse(token) is not { } parsed || !issuers.Contains(parsed.Issuer)) return AuthenticationAnswer.None;
            if (keys.Check(parsed.Algorithm, parsed.KeyId, parsed.Signed, parsed.Signature) is { } error) return AuthenticationAnswer.Failed(error);
            _checked.Add(token, jwt = parsed);
        }
        var tokenAudiences = jwt.Texts("aud") is { Count: > 0 } named ? named : apiAudiences;
        var accepted = tokenAudiences.Where(audiences.Contains).ToList();
        if (accepted.Count == 0) return AuthenticationAnswer.Failed($"token audiences {Quoted(tokenAudiences)} is invalid for the target audiences {Quoted(audiences)}");

        var now = time.GetUtcNow();
        if (jwt.Time("nbf") is { } notBefore && now + Leeway < notBefore) return AuthenticationAnswer.Failed("service account token is not valid yet");
        if (jwt.Time("exp") is { } expires && now - Leeway > expires) return AuthenticationAnswer.Failed("service account token has expired");
        if (jwt.Time("iat") is { } issued && now + Leeway < issued) return AuthenticationAnswer.Failed("service account token is issued in the future");

        if (jwt.Claims["kubernetes.io"] is not JsonObject bound) return AuthenticationAnswer.Failed("service account token has no kubernetes.io claim");
        return CheckBinding(bound, now) is { } gone ? AuthenticationAnswer.Failed(gone) : new AuthenticationAnswer(UserOf(jwt, bound), Audiences: accepted);
    }

    private static string Quoted(IEnumerable<string> values) => $"[{string.Join(' ', values.Select(FieldError.Quote))}]";

    private string? CheckBinding(JsonObject bound, DateTimeOffset now)
    {
        var ns = Text(bound, "namespace");
        var (account, accountUid) = Reference(bound, "serviceaccount");
        if (reader.Find(new("", "serviceaccounts"), new(ns, account)) is not { } serviceAccount) return $"serviceaccounts {FieldError.Quote(account)} not found";
        if (serviceAccount.Uid != accountUid) return $"service account UID ({serviceAccount.Uid}) does not match claim ({accountUid})";
        if (IsGone(serviceAccount, now)) return $"service account {ns}/{account} has been deleted";
        if (bound["secret"] is not null && CheckObject("secrets", ns, Reference(bound, "secret"), "secret UID ({0}) does not match service account secret ref claim ({1})", now) is { } secret) return secret;
        if (bound["pod"] is not null) return CheckObject("pods", ns, Reference(bound, "pod"), "pod UID ({0}) does not match service account pod ref claim ({1})", now);
        // A pod's token names its node for information only.
        return bound["node"] is null ? null : CheckObject("nodes", "", Reference(bound, "node"), "node UID ({0}) does not match service account node ref claim ({1})", now);
    }

    private string? CheckObject(string resource, string ns, (string Name, string Uid) reference, string mismatch, DateTimeOffset now)
    {
        if (reader.Find(new("", resource), new(ns, reference.Name)) is not { } found) return "service account token has been invalidated";
        if (found.Uid != reference.Uid) return string.Format(System.Globalization.CultureInfo.InvariantCulture, mismatch, found.Uid, reference.Uid);
        return IsGone(found, now) ? "service account token has been invalidated" : null;
    }

    /// <summary>Marked for deletion longer ago than clocks may differ. Hardly any object is, so look for the word before parsing.</summary>
    private static bool IsGone(KubeObject found, DateTimeOffset now) =>
        found.Json.Span.IndexOf("\"deletionTimestamp\""u8) >= 0
        && found.ToTree()["metadata"]?["deletionTimestamp"] is JsonValue value && value.TryGetValue<DateTimeOffset>(out var deleted) && deleted < now - Leeway;

    private static UserInfo UserOf(JsonWebToken jwt, JsonObject bound)
    {
        var ns = Text(bound, "namespace");
        var (account, uid) = Reference(bound, "serviceaccount");
        Dictionary<string, IReadOnlyList<string>> extra = new(StringComparer.Ordinal);
        if (jwt.Text("jti") is { Length: > 0 } id) extra["authentication.kubernetes.io/credential-id"] = [$"JTI={id}"];
        foreach (var kind in (string[])["pod", "node"])
        {
            var (name, objectUid) = Reference(bound, kind);
            if (name.Length == 0) continue;
            extra[$"authentication.kubernetes.io/{kind}-name"] = [name];
            if (objectUid.Length > 0 || kind == "pod") extra[$"authentication.kubernetes.io/{kind}-uid"] = [objectUid];
        }
        return new UserInfo(ServiceAccountName.User(new(ns, account)), ServiceAccountName.Groups(ns), uid, extra.Count == 0 ? null : extra);
    }

    private static (string Name, string Uid) Reference(JsonObject bound, string kind) => bound[kind] is JsonObject reference ? (Text(reference, "name"), Text(reference, "uid")) : ("", "");

    private static string Text(JsonObject node, string field) => node[field] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
}

/// <summary>Tokens whose signature was found right, by their SHA-256: an RSA check costs more than all the rest of a request. Full: starts anew. Thread-safe.</summary>
internal sealed class CheckedTokens
{
    private const int CountMax = 2048;

    private readonly ConcurrentDictionary<UInt128, (byte[] Hash, JsonWebToken Token)> _tokens = new();

    public bool TryGet(string token, out JsonWebToken jwt)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        var found = _tokens.TryGetValue(KeyOf(hash), out var known) && CryptographicOperations.FixedTimeEquals(known.Hash, hash);
        jwt = known.Token;
        return found;
    }

    public void Add(string token, JsonWebToken jwt)
    {
        if (_tokens.Count >= CountMax) _tokens.Clear();
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        _tokens[KeyOf(hash)] = (hash, jwt);
    }

    private static UInt128 KeyOf(byte[] hash) => BitConverter.ToUInt128(hash);
}
