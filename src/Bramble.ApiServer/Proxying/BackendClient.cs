using System.Security.Cryptography.X509Certificates;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Proxying;

/// <summary>HTTP to kubelets, pods and services. Connections are kept and shared. Thread-safe; lives as long as the server.</summary>
internal sealed class BackendClient : IDisposable
{
    private readonly HttpClient _kubelets;
    private readonly HttpClient _others;

    /// <param name="connectPatience">How long a connection may take to come about.</param>
    public BackendClient(KubeletClientOptions options, TimeSpan connectPatience)
    {
        var tls = options.Tls("");
        // The name is set for each connection.
        tls.TargetHost = null;
        _kubelets = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = tls,
            ConnectCallback = options.Dial is not { } dial ? null : (connection, cancel) => dial(connection.DnsEndPoint.Host, connection.DnsEndPoint.Port, cancel),
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            ConnectTimeout = connectPatience,
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _others = new HttpClient(new SocketsHttpHandler
        {
            // As upstream: what pods and services serve behind https is not verified, only asked.
            SslOptions = { RemoteCertificateValidationCallback = static (_, _, _, _) => true, CertificateRevocationCheckMode = X509RevocationMode.NoCheck },
            ConnectCallback = options.DialPod is not { } dialPod ? null : (connection, cancel) => dialPod(connection.DnsEndPoint.Host, connection.DnsEndPoint.Port, cancel),
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            ConnectTimeout = connectPatience,
        })
        { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Sends to a kubelet; returns when the head of the answer is there.</summary>
    /// <exception cref="StatusException">500: not reachable.</exception>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancel) => SendAsync(_kubelets, request, 500, cancel);

    /// <summary>Sends to a pod or a service's endpoint.</summary>
    /// <exception cref="StatusException">503: not reachable.</exception>
    public Task<HttpResponseMessage> SendToPodAsync(HttpRequestMessage request, CancellationToken cancel) => SendAsync(_others, request, 503, cancel);

    public void Dispose()
    {
        _kubelets.Dispose();
        _others.Dispose();
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpRequestMessage request, int code, CancellationToken cancel)
    {
        try
        {
            return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        }
        catch (Exception e) when (e is HttpRequestException || e is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            // A connection that did not come about in time ends as a cancellation of nobody's.
            var cause = e is HttpRequestException ? e.InnerException?.Message ?? e.Message : $"dial tcp {request.RequestUri!.Authority}: i/o timeout";
            var message = $"{request.Method.Method[..1]}{request.Method.Method[1..].ToLowerInvariant()} \"{request.RequestUri}\": {cause}";
            throw code == 500 ? StatusErrors.Internal(message) : StatusErrors.ServiceUnavailable($"error trying to reach service: {message}");
        }
    }
}
