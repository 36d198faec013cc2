using System.Security.Cryptography.X509Certificates;

namespace Bramble.ApiServer.Authentication;

/// <summary>Who is believed, as the composition decides it. Certificates and keys are read by the supervisor; nothing here touches files.</summary>
public sealed record AuthenticationConfig
{
    /// <summary>--client-ca-file: signers of client certificates (CN = user, O = groups).</summary>
    public required X509Certificate2Collection ClientCa { get; init; }

    /// <summary>PEM private key (RSA or P-256/P-384) that signs service account tokens: K3s' server/tls/service.current.key.</summary>
    public required string ServiceAccountSigningKeyPem { get; init; }

    /// <summary>PEM public or private keys with which tokens are checked besides the signing key (K3s' service.key may hold several).</summary>
    public IReadOnlyList<string> ServiceAccountKeyPems { get; init; } = [];

    /// <summary>--service-account-issuer; the first one signs, all are accepted.</summary>
    public IReadOnlyList<string> ServiceAccountIssuers { get; init; } = ["https://kubernetes.default.svc.cluster.local"];

    /// <summary>--service-account-jwks-uri: where others find the keys, when not here; null: here.</summary>
    public string? ServiceAccountKeysUri { get; init; }

    /// <summary>--api-audiences; empty: the issuers.</summary>
    public IReadOnlyList<string> ApiAudiences { get; init; } = [];

    /// <summary>--anonymous-auth.</summary>
    public bool AllowsAnonymous { get; init; }

    /// <summary>Front proxy; null: X-Remote-* headers mean nothing.</summary>
    public RequestHeaderConfig? RequestHeader { get; init; }

    /// <summary>User name and password to user: the supervisor's cred/passwd. Must compare in constant time. Null: Basic credentials mean nothing.</summary>
    public Func<string, string, UserInfo?>? StaticPassword { get; init; }

    /// <summary>Bearer token to user, for tokens that are neither service account nor bootstrap tokens. Must compare in constant time.</summary>
    public Func<string, UserInfo?>? StaticToken { get; init; }

    /// <summary>--service-account-max-token-expiration; zero: no limit.</summary>
    public TimeSpan ServiceAccountMaxTokenExpiration { get; init; }

    /// <summary>--service-account-extend-token-expiration: pods' 3607 second tokens live a year.</summary>
    public bool ExtendsTokenExpiration { get; init; } = true;
}

/// <summary>--requestheader-*: who may say who asks.</summary>
public sealed record RequestHeaderConfig
{
    public required X509Certificate2Collection ClientCa { get; init; }

    /// <summary>--requestheader-allowed-names; empty: any name that the CA signed.</summary>
    public IReadOnlyList<string> AllowedNames { get; init; } = [];

    /// <summary>PEM of the CA, for the extension-apiserver-authentication config map.</summary>
    public string ClientCaPem { get; init; } = "";

    public IReadOnlyList<string> UsernameHeaders { get; init; } = ["X-Remote-User"];
    public IReadOnlyList<string> UidHeaders { get; init; } = [];
    public IReadOnlyList<string> GroupHeaders { get; init; } = ["X-Remote-Group"];
    public IReadOnlyList<string> ExtraHeaderPrefixes { get; init; } = ["X-Remote-Extra-"];
}
