using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Authentication;

/// <summary>Tokens kept in Secrets of type kubernetes.io/service-account-token: signed by issuer kubernetes/serviceaccount, without an end, good as long as the Secret
/// holds them.</summary>
/// <param name="noteUse">Gets the Secret of each token that is shown.</param>
internal sealed class LegacyTokenAuthenticator(ServiceAccountKeys keys, IReadOnlyList<string> apiAudiences, IResourceReader reader, Action<JsonObject>? noteUse = null) : ITokenAuthenticator
{
    public const string Issuer = "kubernetes/serviceaccount";
    private const string ClaimPrefix = "kubernetes.io/serviceaccount/";

    private readonly CheckedTokens _checked = new();

    public AuthenticationAnswer Authenticate(string token, IReadOnlyList<string> audiences)
    {
        if (!_checked.TryGet(token, out var jwt))
        {
            if (JsonWebToken.Parse(token) is not { } parsed || parsed.Issuer != Issuer) return AuthenticationAnswer.None;
            if (keys.Check(parsed.Algorithm, parsed.KeyId, parsed.Signed, parsed.Signature) is { } error) return AuthenticationAnswer.Failed(error);
            _checked.Add(token, jwt = parsed);
        }
        var accepted = apiAudiences.Where(audiences.Contains).ToList();
        if (accepted.Count == 0)
            return AuthenticationAnswer.Failed($"token audiences [{string.Join(' ', apiAudiences.Select(a => $"\"{a}\""))}] is invalid for the target audiences [{string.Join(' ', audiences.Select(a => $"\"{a}\""))}]");

        var (ns, secretName) = (jwt.Text(ClaimPrefix + "namespace"), jwt.Text(ClaimPrefix + "secret.name"));
        var (account, uid) = (jwt.Text(ClaimPrefix + "service-account.name"), jwt.Text(ClaimPrefix + "service-account.uid"));
        if (jwt.Subject.Length == 0) return AuthenticationAnswer.Failed("sub claim is missing");
        if (ns.Length == 0) return AuthenticationAnswer.Failed("namespace claim is missing");
        if (secretName.Length == 0) return AuthenticationAnswer.Failed("secretName claim is missing");
        if (account.Length == 0) return AuthenticationAnswer.Failed("serviceAccountName claim is missing");
        if (uid.Length == 0) return AuthenticationAnswer.Failed("serviceAccountUID claim is missing");
        if (!ServiceAccountName.TryParseUser(jwt.Subject, out var subject) || subject != new Bramble.Api.Naming.NamespacedName(ns, account)) return AuthenticationAnswer.Failed("sub claim is invalid");

        if (reader.Find(new("", "secrets"), new(ns, secretName))?.ToTree() is not { } secret || secret["metadata"]?["deletionTimestamp"] is not null)
            return AuthenticationAnswer.Failed("Token has been invalidated");
        var stored = (string?)secret["data"]?["token"] is { } encoded ? Convert.FromBase64String(encoded) : [];
        if (!CryptographicOperations.FixedTimeEquals(stored, Encoding.UTF8.GetBytes(token))) return AuthenticationAnswer.Failed("Token does not match server's copy");
        if (reader.Find(new("", "serviceaccounts"), new(ns, account)) is not { } serviceAccount) return AuthenticationAnswer.Failed($"serviceaccounts \"{account}\" not found");
        if (serviceAccount.Uid != uid) return AuthenticationAnswer.Failed($"ServiceAccount UID ({serviceAccount.Uid}) does not match claim ({uid})");
        if (serviceAccount.ToTree()["metadata"]?["deletionTimestamp"] is not null) return AuthenticationAnswer.Failed($"ServiceAccount {ns}/{account} has been deleted");
        noteUse?.Invoke(secret);
        const string invalidSince = "kubernetes.io/legacy-token-invalid-since";
        if (secret["metadata"]?["labels"] is JsonObject labels && (string?)labels[invalidSince] is { Length: > 0 })
            return AuthenticationAnswer.Failed(
                $"the token in secret {ns}/{secretName} for service account {ns}/{account} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, "
                + $"or remove the '{invalidSince}' label from the secret to temporarily allow use of this token");
        // Old clusters made one for every account, and the account names it; one that a user made by hand is named by nobody.
        var isMadeByCluster = (serviceAccount.ToTree()["secrets"] as JsonArray ?? []).Any(named => (string?)named?["name"] == secretName);
        return new AuthenticationAnswer(new UserInfo(ServiceAccountName.User(subject), ServiceAccountName.Groups(ns), uid), Audiences: accepted, Warning: isMadeByCluster
            ? "Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens." : null);
    }
}
