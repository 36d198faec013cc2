using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Discovery;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Proxying;
using Bramble.ApiServer.Requests;
using Bramble.Client;
using Bramble.Client.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.ApiServer.Aggregation;

/// <summary>The API aggregation layer: requests of a group version that an APIService gives to another server go there, as the user who asked.
/// <see cref="AggregationLoop"/> keeps watch over those servers. Owns the connections to them: dispose it after the server has stopped.</summary>
/// <param name="proxyCertificate">The front proxy's client certificate with its key; called for each pool of connections.</param>
/// <param name="dialPod">How pods are reached; null: directly.</param>
public sealed class Aggregator(IResourceReader reader, Func<X509Certificate2> proxyCertificate, Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod = null) : IDisposable
{
    private static readonly TimeSpan QuestionTimeout = TimeSpan.FromSeconds(30);

    private readonly RemoteServiceIndex _index = new(reader);
    private RemoteDiscovery? _discovery;

    internal IReadOnlyCollection<RemoteService> Services => _index.All;

    internal RemoteDiscovery Known => LazyInitializer.EnsureInitialized(ref _discovery, () => new RemoteDiscovery(_index));

    internal RemoteConnections Connections { get; } = new(proxyCertificate, dialPod);

    /// <summary>What discovery shows of the remote group versions; the same list until something changes.</summary>
    internal IReadOnlyList<RemoteGroupVersion> Discovery => Known.Current;

    /// <summary>Who answers a request; null: this server.</summary>
    internal RemoteService? Find(RequestInfo info) => _index.Find(info);

    /// <summary>Who answers for a group version; null: this server.</summary>
    internal RemoteService? Find(string group, string version) => _index.Find(group, version);

    /// <summary>Passes the request on and the answer back. Authorized before.</summary>
    internal async Task ForwardAsync(HttpContext http, RemoteService remote, UserInfo user, CancellationToken cancel)
    {
        if (!remote.IsAvailable || ServiceResolver.Resolve(reader, remote) is not { } endpoint)
        {
            await RefuseAsync(http, "service unavailable", cancel);
            return;
        }

        var target = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
        try
        {
            if (UpgradeTunnel.IsUpgrade(http))
            {
                var tls = Connections.Tls(remote);
                tls.TargetHost = remote.Host;
                await UpgradeTunnel.RunAsync(http, endpoint.Host, endpoint.Port, target, tls, dialPod, [.. RemoteUser.Headers(user)], cancel);
                return;
            }

            using var message = ForwardedRequest.Make(http, new Uri($"https://{remote.Host}:{remote.Port}{target}"), RemoteUser.Prefix);
            SeparateLines.Add(message, RemoteUser.Headers(user));
            message.Options.Set(RemoteConnections.Endpoint, endpoint);
            using var answer = await Connections.Of(remote).SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancel);
            await ForwardedRequest.CopyAsync(answer, http, cancel);
        }
        catch (HttpRequestException e) when (!http.Response.HasStarted)
        {
            await RefuseAsync(http, RemoteConnections.Explain(e, endpoint), cancel);
        }
    }

    /// <summary>Another server as a part of this process asks it. Authorized before.</summary>
    internal HttpKubeClient ClientOf(RemoteService remote, GroupResource resource, string name, UserInfo user) =>
        new((message, completion, cancel) => SendAsync(remote, resource, name, user, message, completion, cancel));

    /// <summary>A question of a part of this process. Authorized before.</summary>
    /// <exception cref="StatusException">As a client of the API would have it.</exception>
    internal async Task<JsonObject> GetAsync(RemoteService remote, RequestInfo info, string target, UserInfo user, CancellationToken cancel)
    {
        var resource = new GroupResource(info.Group, info.Resource);
        using var message = new HttpRequestMessage(HttpMethod.Get, target);
        using var answer = await SendAsync(remote, resource, info.Name, user, message, HttpCompletionOption.ResponseContentRead, cancel);
        try
        {
            return JsonNode.Parse(await answer.Content.ReadAsByteArrayAsync(cancel)) as JsonObject ?? throw ClientStatus.Unavailable("get", resource, info.Name);
        }
        catch (JsonException)
        {
            throw ClientStatus.Unavailable("get", resource, info.Name);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(
        RemoteService remote, GroupResource resource, string name, UserInfo user, HttpRequestMessage message, HttpCompletionOption completion, CancellationToken cancel)
    {
        var verb = message.Method.Method.ToLowerInvariant();
        if (!remote.IsAvailable || ServiceResolver.Resolve(reader, remote) is not { } endpoint) throw ClientStatus.Unavailable(verb, resource, name);
        message.RequestUri = new Uri($"https://{remote.Host}:{remote.Port}{message.RequestUri!.OriginalString}");
        SeparateLines.Add(message, RemoteUser.Headers(user));
        message.Options.Set(RemoteConnections.Endpoint, endpoint);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // A watch is read as it comes, without end; all else is answered soon or not at all.
        if (completion == HttpCompletionOption.ResponseContentRead) limit.CancelAfter(QuestionTimeout);
        try
        {
            var answer = await Connections.Of(remote).SendAsync(message, completion, limit.Token);
            if (answer.IsSuccessStatusCode) return answer;
            using (answer) throw ClientStatus.Answered((int)answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(limit.Token), verb, resource, name);
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            throw ClientStatus.Unavailable(verb, resource, name);
        }
    }

    public void Dispose() => Connections.Dispose();

    private static async Task RefuseAsync(HttpContext http, string why, CancellationToken cancel)
    {
        http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers["X-Content-Type-Options"] = "nosniff";
        await http.Response.WriteAsync(why + "\n", cancel);
    }
}
