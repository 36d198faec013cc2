using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.ApiServer.Aggregation;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Webhooks;

/// <summary>Calling a webhook failed; the message is upstream's.</summary>
internal sealed class WebhookCallException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>HTTPS to webhooks: a URL, or a Service by its cluster address with the certificate of <c>NAME.NAMESPACE.svc</c>. One connection pool a webhook, as long as
/// its configuration stays. Thread-safe.</summary>
internal sealed class WebhookClient(Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod)
{
    /// <summary>An answer carries an object and a patch at most.</summary>
    private const int AnswerBytesMax = 8 * 1024 * 1024;

    private readonly ConditionalWeakTable<JsonObject, HttpClient> _clients = [];

    /// <exception cref="WebhookCallException">Not reachable, not trusted, too slow, or an answer that is none.</exception>
    public async Task<JsonObject?> PostAsync(Webhook webhook, JsonObject review, IResourceReader reader, CancellationToken cancel)
    {
        var config = webhook.Tree.Object("clientConfig");
        var url = $"{Address(config)}?timeout={((long)webhook.Timeout.TotalSeconds).ToString(CultureInfo.InvariantCulture)}s";
        var client = _clients.GetValue(webhook.Tree, tree => Connect(tree.Object("clientConfig"), reader));
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        timeout.CancelAfter(webhook.Timeout);
        try
        {
            using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(review.ToJsonString())) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using var response = await client.PostAsync(url, content, timeout.Token);
            var body = await response.Content.ReadAsByteArrayAsync(timeout.Token);
            if (!response.IsSuccessStatusCode) throw new WebhookCallException($"failed to call webhook: the server responded with status code {(int)response.StatusCode}");
            return JsonNode.Parse(body) as JsonObject;
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new WebhookCallException($"failed to call webhook: Post \"{url}\": context deadline exceeded", e);
        }
        catch (HttpRequestException e)
        {
            throw new WebhookCallException($"failed to call webhook: Post \"{url}\": {Cause(e, new Uri(url))}", e);
        }
        catch (JsonException e)
        {
            throw new WebhookCallException($"failed to call webhook: invalid character in webhook response: {e.Message}", e);
        }
    }

    private static string Address(JsonObject? config)
    {
        if (config.Object("service") is not { } service) return config.Text("url");
        var path = service.Text("path");
        return $"https://{service.Text("name")}.{service.Text("namespace")}.svc:{service.LongOrNull("port") ?? 443}{(path.StartsWith('/') ? path : "/" + path)}";
    }

    /// <summary>Go's words for what the network said.</summary>
    private static string Cause(HttpRequestException e, Uri url) => e.InnerException switch
    {
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => $"dial tcp {url.Host}:{url.Port}: connect: connection refused",
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } => $"dial tcp: lookup {url.Host}: no such host",
        SocketException { SocketErrorCode: SocketError.NetworkUnreachable } => $"dial tcp {url.Host}:{url.Port}: connect: network is unreachable",
        SocketException { SocketErrorCode: SocketError.HostUnreachable } => $"dial tcp {url.Host}:{url.Port}: connect: no route to host",
        SocketException socket => $"dial tcp {url.Host}:{url.Port}: {socket.Message}",
        AuthenticationException => "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        WebhookCallException named => named.Message,
        _ => e.Message,
    };

    private HttpClient Connect(JsonObject? config, IResourceReader reader)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1) };
        if (config.Text("caBundle") is { Length: > 0 } bundle) handler.SslOptions.CertificateChainPolicy = TrustOnly(bundle);
        if (config.Object("service") is { } service)
        {
            var (ns, name, port) = (service.Text("namespace"), service.Text("name"), (int)(service.LongOrNull("port") ?? 443));
            handler.ConnectCallback = async (_, cancel) =>
            {
                var found = ServiceResolver.Find(reader, new(ns, name)) ?? throw new WebhookCallException($"service \"{name}\" not found");
                if (dialPod is not null)
                {
                    var endpoint = ServiceResolver.PortName(found, port) is { } portName ? ServiceResolver.Endpoints(found, portName, ServiceResolver.SlicesOf(reader, new(ns, name))).FirstOrDefault() : default;
                    if (endpoint.Host is null) throw new WebhookCallException($"no endpoints available for service \"{name}\"");
                    return await dialPod(endpoint.Host, endpoint.Port, cancel);
                }
                var address = found.Object("spec").Text("clusterIP");
                if (!IPAddress.TryParse(address, out var ip)) throw new WebhookCallException($"cannot route to service with ClusterIP \"{address}\"");
                var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(ip, port, cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }
        return new HttpClient(handler) { Timeout = System.Threading.Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = AnswerBytesMax };
    }

    private static X509ChainPolicy TrustOnly(string bundle)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.ImportFromPem(Encoding.UTF8.GetString(Convert.FromBase64String(bundle)));
        return policy;
    }
}
