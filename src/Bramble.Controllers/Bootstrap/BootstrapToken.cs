using System.Text;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Bootstrap;

/// <summary>A token by which machines join, out of its Secret <c>bootstrap-token-ID</c> in kube-system. Pure.</summary>
internal sealed record BootstrapToken(string Id, string Secret)
{
    public const string Type = "bootstrap.kubernetes.io/token";
    private const string NamePrefix = "bootstrap-token-";

    /// <returns>Null: the Secret is no whole token, may not sign, or its time is over.</returns>
    public static BootstrapToken? ForSigning(V1Secret secret, DateTimeOffset now)
    {
        if (secret.Type != Type || Text(secret, "usage-bootstrap-signing") != "true") return null;
        if (Text(secret, "token-id") is not { Length: 6 } id || !id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)) || secret.Metadata.Name != NamePrefix + id || Text(secret, "token-secret") is not { Length: > 0 } key) return null;
        return Left(secret, now) > TimeSpan.Zero ? new BootstrapToken(id, key) : null;
    }

    /// <summary>How long it is good still. What is no time is over: nobody can say how long such a token was meant to be good.</summary>
    public static TimeSpan Left(V1Secret secret, DateTimeOffset now)
    {
        if (Text(secret, "expiration") is not { Length: > 0 } text) return TimeSpan.MaxValue;
        return KubeTime.TryParse(text, out var end) ? end - now : TimeSpan.Zero;
    }

    private static string? Text(V1Secret secret, string key) => secret.Data is { } data && data.TryGetValue(key, out var bytes) ? Encoding.UTF8.GetString(bytes) : null;
}
