using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Api;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>Who a caller of the kubelet is.</summary>
internal sealed record Caller(string Name, IReadOnlyList<string> Groups, string? Uid = null);

/// <summary>Authentication by client certificate or token (TokenReview), authorization by the API server (SubjectAccessReview on nodes/…). Anonymous callers
/// are refused. Answers are kept for upstream's times, 1024 of them at most.</summary>
internal sealed class KubeletAccess(KubeletConfig config, IKubeClient client, TimeProvider time)
{
    private const int KeptMax = 1024;
    private static readonly TimeSpan TokenKept = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan AllowedKept = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan DeniedKept = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, (Caller? Caller, long At)> _tokens = new();
    private readonly ConcurrentDictionary<string, (bool IsAllowed, long At)> _decisions = new();

    /// <summary>Null: nobody known.</summary>
    public async Task<Caller?> AuthenticateAsync(HttpContext http, CancellationToken cancel)
    {
        if (http.Connection.ClientCertificate is { } certificate && OfCertificate(certificate) is { } known) return known;
        var header = http.Request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? await OfTokenAsync(header["Bearer ".Length..].Trim(), cancel) : null;
    }

    /// <summary>Allowed when any of the subresources is.</summary>
    public async Task<bool> IsAllowedAsync(Caller caller, string method, string path, CancellationToken cancel)
    {
        var verb = method switch { "POST" => "create", "PUT" => "update", "PATCH" => "patch", "DELETE" => "delete", _ => "get" };
        foreach (var subresource in Subresources(path))
            if (await ReviewAsync(caller, verb, subresource, cancel)) return true;
        return false;
    }

    /// <summary>The subresource of nodes that a path stands for, the finer first. Pure.</summary>
    public static IReadOnlyList<string> Subresources(string path)
    {
        var fine = Is("/pods") || Is("/runningpods") ? "pods" : Is("/healthz") ? "healthz" : Is("/configz") ? "configz" : null;
        var coarse = Is("/stats") ? "stats" : Is("/metrics") ? "metrics" : Is("/logs") ? "log" : Is("/checkpoint") ? "checkpoint" : "proxy";
        return fine is null ? [coarse] : [fine, coarse];

        bool Is(string prefix) => path == prefix || path.StartsWith(prefix + "/", StringComparison.Ordinal);
    }

    private Caller? OfCertificate(X509Certificate2 certificate)
    {
        if (config.ClientCa is not { } authorities) return null;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.ExtraStore.AddRange(authorities);
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.2"));
        if (!chain.Build(certificate)) return null;
        string? name = null;
        var groups = new List<string>();
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.HasMultipleElements) continue;
            switch (part.GetSingleElementType().Value)
            {
                case "2.5.4.3":
                    name = part.GetSingleElementValue();
                    break;
                case "2.5.4.10" when part.GetSingleElementValue() is { } group:
                    groups.Add(group);
                    break;
            }
        }
        return string.IsNullOrEmpty(name) ? null : new(name, [.. groups, "system:authenticated"]);
    }

    private async Task<Caller?> OfTokenAsync(string token, CancellationToken cancel)
    {
        // Only the digest is kept.
        var key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (_tokens.TryGetValue(key, out var kept) && time.GetElapsedTime(kept.At) < TokenKept) return kept.Caller;
        var body = new JsonObject
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenReview",
            ["metadata"] = new JsonObject(),
            ["spec"] = new JsonObject { ["token"] = token },
        };
        var status = (await client.CreateAsync(ReviewResources.TokenReviews, new NamespacedName("", ""), body, null, cancel)).ToTree()["status"];
        var user = status?["user"];
        var caller = (bool?)status?["authenticated"] == true && (string?)user?["username"] is { Length: > 0 } name
            ? new Caller(name, [.. (user["groups"]?.AsArray() ?? []).Select(g => (string)g!)], (string?)user["uid"])
            : null;
        if (_tokens.Count >= KeptMax) _tokens.Clear();
        _tokens[key] = (caller, time.GetTimestamp());
        return caller;
    }

    private async Task<bool> ReviewAsync(Caller caller, string verb, string subresource, CancellationToken cancel)
    {
        var key = $"{caller.Name}\n{string.Join('\n', caller.Groups)}\n\n{verb}\n{subresource}";
        if (_decisions.TryGetValue(key, out var kept) && time.GetElapsedTime(kept.At) < (kept.IsAllowed ? AllowedKept : DeniedKept)) return kept.IsAllowed;
        var groups = new JsonArray();
        foreach (var group in caller.Groups) groups.Add((JsonNode)group);
        var spec = new JsonObject
        {
            ["user"] = caller.Name,
            ["groups"] = groups,
            ["resourceAttributes"] = new JsonObject
            {
                ["verb"] = verb,
                ["version"] = "v1",
                ["resource"] = "nodes",
                ["subresource"] = subresource,
                ["name"] = config.NodeName,
            },
        };
        if (caller.Uid is not null) spec["uid"] = caller.Uid;
        var body = new JsonObject { ["apiVersion"] = "authorization.k8s.io/v1", ["kind"] = "SubjectAccessReview", ["metadata"] = new JsonObject(), ["spec"] = spec };
        var answer = (await client.CreateAsync(ReviewResources.SubjectAccessReviews, new NamespacedName("", ""), body, null, cancel)).ToTree();
        var isAllowed = (bool?)answer["status"]?["allowed"] == true;
        if (_decisions.Count >= KeptMax) _decisions.Clear();
        _decisions[key] = (isAllowed, time.GetTimestamp());
        return isAllowed;
    }
}
