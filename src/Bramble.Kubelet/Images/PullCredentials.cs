using System.Text;
using System.Text.Json;
using Bramble.Kubelet.Cri;
using k8s.Models;

namespace Bramble.Kubelet.Images;

/// <summary>Registry credentials in imagePullSecrets: which of them fit an image, the longest match first. Pure.</summary>
internal static class PullCredentials
{
    public static IReadOnlyList<AuthConfig> For(string image, IEnumerable<V1Secret> secrets)
    {
        var (registry, repository) = ImageNames.Split(image);
        var found = new List<(int Length, AuthConfig Auth)>();
        foreach (var secret in secrets)
            foreach (var (where, auth) in Read(secret))
                if (Matches(where, registry, repository)) found.Add((where.Length, auth));
        return [.. found.OrderByDescending(f => f.Length).Select(f => f.Auth)];
    }

    private static IEnumerable<(string Where, AuthConfig Auth)> Read(V1Secret secret)
    {
        var isNew = secret.Type == "kubernetes.io/dockerconfigjson";
        if (secret.Data is null || !secret.Data.TryGetValue(isNew ? ".dockerconfigjson" : ".dockercfg", out var bytes)) yield break;
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(bytes);
            root = document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // The API server validates these; what got by has no credentials in it.
            yield break;
        }
        var auths = isNew ? root.TryGetProperty("auths", out var inner) ? inner : default : root;
        if (auths.ValueKind != JsonValueKind.Object) yield break;
        foreach (var entry in auths.EnumerateObject())
        {
            var auth = new AuthConfig { Username = Text(entry.Value, "username"), Password = Text(entry.Value, "password") };
            if (Text(entry.Value, "auth") is { Length: > 0 } packed && TryBase64(packed) is { } pair && pair.IndexOf(':') is >= 0 and var colon)
                (auth.Username, auth.Password) = (pair[..colon], pair[(colon + 1)..]);
            yield return (Host(entry.Name), auth);
        }
    }

    private static string Text(JsonElement e, string name) => e.TryGetProperty(name, out var v) && v.ValueKind == JsonValueKind.String ? v.GetString()! : "";

    private static string? TryBase64(string text)
    {
        var buffer = new byte[text.Length];
        return Convert.TryFromBase64String(text.Trim(), buffer, out var length) ? Encoding.UTF8.GetString(buffer, 0, length) : null;
    }

    /// <summary>https://index.docker.io/v1/ → docker.io; registry:5000/team → as it is.</summary>
    private static string Host(string key)
    {
        var rest = key.Contains("://", StringComparison.Ordinal) ? key[(key.IndexOf("://", StringComparison.Ordinal) + 3)..] : key;
        rest = rest.TrimEnd('/');
        foreach (var version in (string[])["/v1", "/v2"])
            if (rest.EndsWith(version, StringComparison.Ordinal)) rest = rest[..^version.Length];
        return rest is "index.docker.io" or "registry-1.docker.io" ? "docker.io" : rest;
    }

    private static bool Matches(string where, string registry, string repository)
    {
        var slash = where.IndexOf('/');
        var (host, path) = slash < 0 ? (where, "") : (where[..slash], where[(slash + 1)..]);
        if (path.Length > 0 && repository != path && !repository.StartsWith(path + "/", StringComparison.Ordinal)) return false;
        var pattern = host.Split('.');
        var parts = registry.Split('.');
        return pattern.Length == parts.Length && pattern.Zip(parts).All(p => p.First == "*" || p.First == p.Second
            || (p.First.StartsWith("*", StringComparison.Ordinal) && p.Second.EndsWith(p.First[1..], StringComparison.Ordinal)));
    }
}
