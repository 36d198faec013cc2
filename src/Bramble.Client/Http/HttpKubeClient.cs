using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;

namespace Bramble.Client.Http;

/// <summary>Where the API server is and who the caller is.</summary>
/// <param name="Authorities">The only certificate authorities trusted; null: the system's.</param>
/// <param name="Token">Asked before each request, because tokens are renewed in place; null: none.</param>
public sealed record HttpKubeClientOptions(
    Uri Server,
    X509Certificate2Collection? Authorities = null,
    X509Certificate2? ClientCertificate = null,
    Func<string?>? Token = null,
    bool TrustsAnyServer = false,
    string UserAgent = "bramble");

/// <summary>The Kubernetes API over HTTPS (HTTP/2 where the server speaks it). Thread-safe.</summary>
public sealed class HttpKubeClient : IKubeClient, IDisposable
{
    private readonly Func<string?>? _token;
    private readonly HttpClient? _http;
    private readonly Func<HttpRequestMessage, HttpCompletionOption, CancellationToken, Task<HttpResponseMessage>> _send;

    /// <summary>Over somebody else's connections, which know where and as whom: the requests have paths only.</summary>
    public HttpKubeClient(Func<HttpRequestMessage, HttpCompletionOption, CancellationToken, Task<HttpResponseMessage>> send) => _send = send;

    public HttpKubeClient(HttpKubeClientOptions options)
    {
        _token = options.Token;
        var ssl = new SslClientAuthenticationOptions();
        if (options.ClientCertificate is { } certificate) ssl.ClientCertificates = [certificate];
        if (options.TrustsAnyServer)
        {
            ssl.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        }
        else if (options.Authorities is { } authorities)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(authorities);
            ssl.CertificateChainPolicy = policy;
        }
        _http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = ssl,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5),
            EnableMultipleHttp2Connections = true,
            // A server that vanished without a FIN (power cut) is noticed on a watch within 45 s.
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
            ConnectTimeout = TimeSpan.FromSeconds(10),
            AutomaticDecompression = DecompressionMethods.GZip,
        })
        {
            BaseAddress = options.Server,
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd(options.UserAgent);
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        _send = _http.SendAsync;
    }

    public async ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel)
    {
        try
        {
            return await SendAsync(HttpMethod.Get, resource.Path(name.Namespace, name.Name), null, null, cancel);
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    public async ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel)
    {
        using var answer = await RequestAsync(HttpMethod.Get, resource.Path(query.Namespace) + QueryString(query, isWatch: false), null, null, HttpCompletionOption.ResponseContentRead, cancel);
        var bytes = await answer.Content.ReadAsByteArrayAsync(cancel);
        return ListParser.Parse(resource, bytes);
    }

    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var answer = await RequestAsync(HttpMethod.Get, resource.Path(query.Namespace) + QueryString(query, isWatch: true), null, null, HttpCompletionOption.ResponseHeadersRead, cancel);
        await using var body = await answer.Content.ReadAsStreamAsync(cancel);
        var lines = new LineReader(body);
        while (await lines.ReadAsync(cancel) is { } line)
            if (ListParser.ParseWatchEvent(line) is { } change) yield return change;
    }

    public async ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) =>
        await SendAsync(HttpMethod.Post, subresource is null ? resource.Path(name.Namespace) : resource.Path(name.Namespace, name.Name, subresource), body, "application/json", cancel);

    public async ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) =>
        await SendAsync(HttpMethod.Put, resource.Path(name.Namespace, name.Name, subresource), body, "application/json", cancel);

    public async ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel)
    {
        var path = resource.Path(name.Namespace, name.Name, subresource);
        var separator = '?';
        if (patch.FieldManager is { } manager)
        {
            path += $"?fieldManager={Uri.EscapeDataString(manager)}";
            separator = '&';
        }
        if (patch.Force) path += $"{separator}force=true";
        var type = patch.Type switch
        {
            PatchType.Json => "application/json-patch+json",
            PatchType.Merge => "application/merge-patch+json",
            PatchType.Strategic => "application/strategic-merge-patch+json",
            _ => "application/apply-patch+yaml",
        };
        return await SendAsync(HttpMethod.Patch, path, patch.Body, type, cancel);
    }

    public async ValueTask<JsonObject> GetAsync(string path, IReadOnlyList<KeyValuePair<string, string>> query, CancellationToken cancel)
    {
        using var answer = await RequestAsync(HttpMethod.Get, ClientStatus.Target(path, query), null, null, HttpCompletionOption.ResponseContentRead, cancel);
        return JsonNode.Parse(await answer.Content.ReadAsByteArrayAsync(cancel))!.AsObject();
    }

    public async ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel)
    {
        var options = new JsonObject { ["kind"] = "DeleteOptions", ["apiVersion"] = "v1" };
        if (query.GracePeriodSeconds is { } grace) options["gracePeriodSeconds"] = grace;
        if (query.PropagationPolicy is { } policy) options["propagationPolicy"] = policy;
        if (query.Uid is not null || query.ResourceVersion is not null)
        {
            var conditions = new JsonObject();
            if (query.Uid is not null) conditions["uid"] = query.Uid;
            if (query.ResourceVersion is not null) conditions["resourceVersion"] = query.ResourceVersion;
            options["preconditions"] = conditions;
        }
        try
        {
            using var answer = await RequestAsync(HttpMethod.Delete, resource.Path(name.Namespace, name.Name), options, "application/json", HttpCompletionOption.ResponseContentRead, cancel);
            return true;
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            return false;
        }
    }

    public void Dispose() => _http?.Dispose();

    private async ValueTask<KubeObject> SendAsync(HttpMethod method, string path, JsonNode? body, string? contentType, CancellationToken cancel)
    {
        using var answer = await RequestAsync(method, path, body, contentType, HttpCompletionOption.ResponseContentRead, cancel);
        return KubeObject.Parse(await answer.Content.ReadAsByteArrayAsync(cancel));
    }

    private async Task<HttpResponseMessage> RequestAsync(
        HttpMethod method, string path, JsonNode? body, string? contentType, HttpCompletionOption completion, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, path);
        if (_token?.Invoke() is { } token) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToJsonString()));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType!);
        }
        var answer = await _send(request, completion, cancel);
        if (answer.IsSuccessStatusCode) return answer;
        using (answer) throw new StatusException(StatusParser.Parse((int)answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(cancel)));
    }

    private static string QueryString(ListQuery query, bool isWatch)
    {
        var text = new StringBuilder();
        Add("watch", isWatch ? "true" : null);
        Add("allowWatchBookmarks", isWatch ? "true" : null);
        Add("labelSelector", query.LabelSelector);
        Add("fieldSelector", query.FieldSelector);
        Add("resourceVersion", query.ResourceVersion);
        Add("limit", query.Limit > 0 ? query.Limit.ToString(CultureInfo.InvariantCulture) : null);
        Add("continue", query.Continue);
        return text.ToString();

        void Add(string name, string? value)
        {
            if (string.IsNullOrEmpty(value)) return;
            text.Append(text.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }
    }
}
