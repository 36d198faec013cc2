using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.Client;

namespace Bramble.ApiServer.Authentication;

/// <summary>Bootstrap tokens: <c>ID.SECRET</c>, kept in the Secret <c>kube-system/bootstrap-token-ID</c>. User <c>system:bootstrap:ID</c>.</summary>
internal sealed partial class BootstrapTokenAuthenticator(IResourceReader reader, TimeProvider time, IReadOnlyList<string> apiAudiences) : ITokenAuthenticator
{
    private static readonly GroupResource Secrets = new("", "secrets");

    [GeneratedRegex(@"\A([a-z0-9]{6})\.([a-z0-9]{16})\z")]
    private static partial Regex TokenFormat();

    [GeneratedRegex(@"\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\z")]
    private static partial Regex GroupFormat();

    public AuthenticationAnswer Authenticate(string token, IReadOnlyList<string> audiences)
    {
        var match = TokenFormat().Match(token);
        if (!match.Success) return AuthenticationAnswer.None;
        var (id, secret) = (match.Groups[1].Value, match.Groups[2].Value);
        if (reader.Find(Secrets, new NamespacedName("kube-system", $"bootstrap-token-{id}")) is not { } stored) return AuthenticationAnswer.None;
        var tree = stored.ToTree();
        if (tree["metadata"]?["deletionTimestamp"] is not null || (string?)tree["type"] != "bootstrap.kubernetes.io/token" || tree["data"] is not JsonObject data)
            return AuthenticationAnswer.None;
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Read(data, "token-secret")), Encoding.UTF8.GetBytes(secret))) return AuthenticationAnswer.None;
        if (Read(data, "token-id") != id || Read(data, "usage-bootstrap-authentication") != "true" || HasExpired(Read(data, "expiration"))) return AuthenticationAnswer.None;
        return Groups(Read(data, "auth-extra-groups")) is { } groups
            ? new AuthenticationAnswer(new UserInfo($"system:bootstrap:{id}", groups), Audiences: [.. audiences.Intersect(apiAudiences)])
            : AuthenticationAnswer.None;
    }

    private static string Read(JsonObject data, string key) => (string?)data[key] is { } encoded ? Encoding.UTF8.GetString(Convert.FromBase64String(encoded)) : "";

    /// <summary>A time that cannot be read counts as over.</summary>
    private bool HasExpired(string expiration) =>
        expiration.Length > 0 && (!KubeTime.TryParse(expiration, out var until) || time.GetUtcNow() >= until);

    private static List<string>? Groups(string extra)
    {
        SortedSet<string> groups = new(StringComparer.Ordinal) { "system:bootstrappers" };
        foreach (var group in extra.Length == 0 ? [] : extra.Split(','))
            if (!GroupFormat().IsMatch(group)) return null;
            else groups.Add(group);
        return [.. groups];
    }
}
