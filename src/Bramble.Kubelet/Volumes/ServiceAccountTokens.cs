using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Volumes;

/// <summary>Bound service account tokens (TokenRequest), kept until 80 % of their life is over or they are a day old. When the API does not answer an old
/// one that is still valid goes on being used. Thread-safe.</summary>
internal sealed class ServiceAccountTokens(IKubeClient client, TimeProvider time)
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<(string Uid, string Audience, long Seconds), Held> _held = new();

    public async ValueTask<string> GetAsync(V1Pod pod, string audience, long expirationSeconds, CancellationToken cancel) =>
        (await GetWithExpiryAsync(pod, audience, expirationSeconds, cancel)).Token;

    public async ValueTask<(string Token, DateTimeOffset ExpiresAt)> GetWithExpiryAsync(V1Pod pod, string audience, long expirationSeconds, CancellationToken cancel)
    {
        var key = (pod.Uid(), audience, expirationSeconds);
        var now = time.GetUtcNow();
        var held = _held.GetValueOrDefault(key);
        if (held is not null && now < held.RenewAt && now >= held.MadeAt) return (held.Token, held.ExpiresAt);
        try
        {
            var fresh = await RequestAsync(pod, audience, expirationSeconds, now, cancel);
            _held[key] = fresh;
            return (fresh.Token, fresh.ExpiresAt);
        }
        catch (Exception) when (held is not null && now < held.ExpiresAt && !cancel.IsCancellationRequested)
        {
            // Not renewed but still good: asked again in a minute.
            _held[key] = held with { RenewAt = now.AddMinutes(1) };
            return (held.Token, held.ExpiresAt);
        }
    }

    /// <summary>When the first token of the pod wants renewal; null: it has none.</summary>
    public DateTimeOffset? NextRenewal(string podUid)
    {
        DateTimeOffset? next = null;
        foreach (var (key, held) in _held)
            if (key.Uid == podUid && (next is null || held.RenewAt < next)) next = held.RenewAt;
        return next;
    }

    public void Forget(string podUid)
    {
        foreach (var key in _held.Keys)
            if (key.Uid == podUid) _held.TryRemove(key, out _);
    }

    private async Task<Held> RequestAsync(V1Pod pod, string audience, long seconds, DateTimeOffset now, CancellationToken cancel)
    {
        var body = new JsonObject
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenRequest",
            ["spec"] = new JsonObject
            {
                ["audiences"] = audience.Length > 0 ? new JsonArray(audience) : null,
                ["expirationSeconds"] = seconds,
                ["boundObjectRef"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = pod.Name(), ["uid"] = pod.Uid() },
            },
        };
        var account = new NamespacedName(pod.Namespace(), pod.Spec.ServiceAccountName ?? "default");
        var answer = (await client.CreateAsync(Resources.ServiceAccounts, account, body, "token", cancel)).ToTree();
        var token = (string?)answer["status"]?["token"] ?? throw new VolumeException("failed to fetch token: the API server gave none");
        var expires = DateTimeOffset.TryParse((string?)answer["status"]?["expirationTimestamp"], out var at) ? at : now.AddSeconds(seconds);
        var life = expires - now;
        var renew = life * 0.8 < TimeSpan.FromHours(24) ? life * 0.8 : TimeSpan.FromHours(24);
        return new Held(token, now, now + renew, expires);
    }

    private sealed record Held(string Token, DateTimeOffset MadeAt, DateTimeOffset RenewAt, DateTimeOffset ExpiresAt);
}
