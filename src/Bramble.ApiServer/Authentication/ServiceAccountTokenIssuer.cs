using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Authentication;

/// <summary>An object that a token is bound to.</summary>
public readonly record struct BoundObject(string Name, string Uid);

/// <summary>What a service account token is to say. <c>Pod</c> with <c>Node</c>: the pod's node, for information. <c>WarnAfter</c>: from then on its use counts as stale; null: never.</summary>
public sealed record TokenClaims(NamespacedName Account, string AccountUid, IReadOnlyList<string> Audiences, TimeSpan Lifetime)
{
    public BoundObject? Pod { get; init; }
    public BoundObject? Secret { get; init; }
    public BoundObject? Node { get; init; }
    public TimeSpan? WarnAfter { get; init; }
}

/// <summary>Makes service account tokens.</summary>
public sealed class ServiceAccountTokenIssuer(ServiceAccountKeys keys, string issuer, TimeProvider time)
{
    public string Issue(TokenClaims claims)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var bound = new JsonObject { ["namespace"] = claims.Account.Namespace };
        if (claims.Node is { } node) bound["node"] = Reference(node);
        if (claims.Pod is { } pod) bound["pod"] = Reference(pod);
        if (claims.Secret is { } secret) bound["secret"] = Reference(secret);
        bound["serviceaccount"] = Reference(new BoundObject(claims.Account.Name, claims.AccountUid));
        if (claims.WarnAfter is { } warnAfter) bound["warnafter"] = now + (long)warnAfter.TotalSeconds;
        var audiences = new JsonArray();
        foreach (var audience in claims.Audiences) audiences.Add((JsonNode)JsonValue.Create(audience));
        var payload = new JsonObject
        {
            ["aud"] = audiences,
            ["exp"] = now + (long)claims.Lifetime.TotalSeconds,
            ["iat"] = now,
            ["iss"] = issuer,
            ["jti"] = Guid.NewGuid().ToString(),
            ["kubernetes.io"] = bound,
            ["nbf"] = now,
            ["sub"] = ServiceAccountName.User(claims.Account),
        };
        return keys.Sign(Encoding.UTF8.GetBytes(payload.ToJsonString()));
    }

    /// <summary>The token of a Secret of type kubernetes.io/service-account-token: no end, no audience.</summary>
    public string IssueLegacy(NamespacedName account, string accountUid, string secretName)
    {
        const string prefix = "kubernetes.io/serviceaccount/";
        var payload = new JsonObject
        {
            ["iss"] = LegacyTokenAuthenticator.Issuer,
            [prefix + "namespace"] = account.Namespace,
            [prefix + "secret.name"] = secretName,
            [prefix + "service-account.name"] = account.Name,
            [prefix + "service-account.uid"] = accountUid,
            ["sub"] = ServiceAccountName.User(account),
        };
        return keys.Sign(Encoding.UTF8.GetBytes(payload.ToJsonString()));
    }

    private static JsonObject Reference(BoundObject bound)
    {
        var reference = new JsonObject { ["name"] = bound.Name };
        if (bound.Uid.Length > 0) reference["uid"] = bound.Uid;
        return reference;
    }
}
