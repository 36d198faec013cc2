using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Aggregation;

/// <summary>HTTPS to the servers behind APIServices: with the front proxy's certificate, so that they believe the X-Remote headers, and checked against the APIService's caBundle.
/// One pool of connections a service, made anew when its spec changes. Thread-safe.</summary>
internal sealed class RemoteConnections(Func<X509Certificate2> proxyCertificate, Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod) : IDisposable
{
    /// <summary>Of a request: the endpoint that a new connection is made to.</summary>
    public static readonly HttpRequestOptionsKey<(string Host, int Port)> Endpoint = new("endpoint");

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (string Spec, HttpClient Client)> _clients = new(StringComparer.Ordinal);

    public HttpClient Of(RemoteService remote)
    {
        lock (_lock)
        {
            if (_clients.TryGetValue(remote.Name, out var known) && known.Spec == remote.Spec) return known.Client;
            // Requests on the old one end by themselves; its sockets go with the pool's idle time.
            var client = Make(remote);
            _clients[remote.Name] = (remote.Spec, client);
            return client;
        }
    }

    /// <summary>A question of this server itself.</summary>
    /// <exception cref="OperationCanceledException">Also when no answer came in time.</exception>
    public async Task<(int Code, byte[] Body)> GetAsync(RemoteService remote, (string Host, int Port) endpoint, string target, UserInfo user, TimeSpan timeout, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(timeout);
        using var message = new HttpRequestMessage(HttpMethod.Get, $"https://{remote.Host}:{remote.Port}{target}");
        SeparateLines.Add(message, RemoteUser.Headers(user));
        message.Options.Set(Endpoint, endpoint);
        using var answer = await Of(remote).SendAsync(message, limit.Token);
        return ((int)answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(limit.Token));
    }

    /// <summary>Closes the connections to whom the cluster has forgotten.</summary>
    public void Keep(IReadOnlySet<string> names)
    {
        lock (_lock)
        {
            foreach (var name in _clients.Keys.Where(name => !names.Contains(name)).ToList())
            {
                _clients.Remove(name, out var gone);
                gone.Client.Dispose();
            }
        }
    }

    private HttpClient Make(RemoteService remote) => new(new SocketsHttpHandler
    {
        SslOptions = Tls(remote),
        ConnectCallback = (context, cancel) => DialAsync(context.InitialRequestMessage.Options.TryGetValue(Endpoint, out var at) ? at : default, cancel),
        PlaintextStreamFilter = static (context, _) => ValueTask.FromResult(SeparateLines.Wrap(context.PlaintextStream)),
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        // Endpoints come and go: none is kept for long.
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        ConnectTimeout = TimeSpan.FromSeconds(10),
    })
    { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Without a name: that of the request's address is the Service's.</summary>
    public SslClientAuthenticationOptions Tls(RemoteService remote)
    {
        var certificate = proxyCertificate();
        var options = new SslClientAuthenticationOptions
        {
            ClientCertificates = [certificate],
            LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (remote.SkipsVerification)
        {
            options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        }
        else if (remote.CaBundle.Length > 0)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
            try
            {
                policy.CustomTrustStore.ImportFromPem(Encoding.UTF8.GetString(Convert.FromBase64String(remote.CaBundle)));
            }
            catch (Exception e) when (e is CryptographicException or FormatException)
            {
                throw new HttpRequestException($"unable to load root certificates: {e.Message}"); // its server's fault, not ours
            }

            options.CertificateChainPolicy = policy;
        }

        return options;
    }

    /// <summary>Why a request failed, in Go's words where they are the usual ones.</summary>
    public static string Explain(HttpRequestException error, (string Host, int Port) at)
    {
        var address = at.Host.Contains(':') ? $"[{at.Host}]:{at.Port}" : $"{at.Host}:{at.Port}";
        return error.InnerException switch
        {
            SocketException { SocketErrorCode: SocketError.ConnectionRefused } => $"dial tcp {address}: connect: connection refused",
            SocketException { SocketErrorCode: SocketError.HostUnreachable } => $"dial tcp {address}: connect: no route to host",
            SocketException { SocketErrorCode: SocketError.TimedOut } or OperationCanceledException or TimeoutException => $"dial tcp {address}: i/o timeout",
            { } inner => inner.Message,
            null => error.Message,
        };
    }

    private async ValueTask<Stream> DialAsync((string Host, int Port) at, CancellationToken cancel)
    {
        if (dialPod is not null) return await dialPod(at.Host, at.Port, cancel);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(at.Host, at.Port, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var (_, client) in _clients.Values) client.Dispose();
            _clients.Clear();
        }
    }
}
