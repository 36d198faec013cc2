using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Supervisor.Pki;
using Bramble.Supervisor.Tokens;

namespace Bramble.Supervisor.Joining;

/// <summary>A joining machine's view of a server's supervisor. The server is believed only after its CA matched the token's hash; every failure is a
/// <see cref="JoinException"/> that says what to do.</summary>
public sealed class SupervisorClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    private readonly Uri _server;
    private readonly JoinToken _token;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;
    // With the certificate of a machine that has joined before; null: it has none, or the server no longer takes it.
    private HttpClient? _known;
    // Why the last handshake was refused; written by the handshake that the request waits for.
    private string? _distrust;

    private SupervisorClient(Uri server, JoinToken token, X509Certificate2? own, string caPem, TimeProvider time)
    {
        (_server, _token, _time, CaPem) = (server, token, time, caPem);
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPem(caPem);
        _http = Client((certificate, names) => _distrust = Distrust(certificate, names, authorities));
        if (own is not null) _known = Client((certificate, names) => _distrust = Distrust(certificate, names, authorities), own);
    }

    /// <summary>The server's CA bundle, believed.</summary>
    public string CaPem { get; }

    /// <summary>Fetches the server's CA, compares it with the token's hash and proves that the server has a certificate of it.</summary>
    /// <param name="own">The machine's own certificate as a node: it is asked with first, so that a machine that has joined comes back when its token has
    /// ended or was rotated. Null: it has none.</param>
    /// <param name="clockDiffers">Told by how many seconds this machine's clock is ahead of the server's, when it is more than a minute either way.</param>
    public static async Task<SupervisorClient> ConnectAsync(Uri server, JoinToken token, X509Certificate2? own, TimeProvider time, Action<int> clockDiffers, CancellationToken cancel)
    {
        string caPem;
        using (var unverified = Client((_, _) => null))
        using (var answer = await SendAsync(unverified, new HttpRequestMessage(HttpMethod.Get, new Uri(server, "/cacerts")), server, () => null, cancel))
        {
            if (answer.StatusCode != HttpStatusCode.OK)
                throw new JoinException($"{server} is no Kubernetes server of this kind: /cacerts answered {(int)answer.StatusCode}. Check --server (K3S_URL).");
            caPem = await answer.Content.ReadAsStringAsync(cancel);
            if (answer.Headers.Date is { } theirs && time.GetUtcNow() - theirs is var ahead && ahead.Duration() > ClockTolerance) clockDiffers((int)ahead.TotalSeconds);
        }
        string hash;
        try
        {
            hash = CertificateAuthority.HashOfServedBundle(caPem);
        }
        catch (CryptographicException wrong)
        {
            throw new JoinException($"{server}/cacerts holds no certificate ({wrong.Message}). Check --server (K3S_URL).", wrong);
        }
        // A token without a hash pins nothing.
        if (token.CaHash.Length > 0 && !CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(token.CaHash), Encoding.ASCII.GetBytes(hash)))
            throw new JoinException($"the token belongs to another cluster than {server}: it pins the CA {token.CaHash[..12]}…, the server has {hash[..12]}…. Take the token from server/node-token on that server (a server that was set up again has a new one).");
        var client = new SupervisorClient(server, token, own, caPem, time);
        try
        {
            await client.GetAsync("/ping", cancel);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    public async Task<ClusterSettings> SettingsAsync(CancellationToken cancel)
    {
        var text = await GetAsync("/v1-k3s/config", cancel);
        try
        {
            return ClusterSettings.Read(JsonNode.Parse(text) as JsonObject ?? throw new FormatException("the server's settings are no JSON object"));
        }
        catch (Exception wrong) when (wrong is FormatException or JsonException)
        {
            throw new JoinException($"{_server}: {wrong.Message}. Is the server's version older than 1.36?", wrong);
        }
    }

    public Task<string> GetAsync(string path, CancellationToken cancel) => TextAsync(() => new HttpRequestMessage(HttpMethod.Get, new Uri(_server, path)), cancel);

    /// <summary>Has a certificate made for a key: returns leaf and chain as PEM.</summary>
    public Task<string> SignAsync(string path, byte[] pkcs10, NodeClaim claim, CancellationToken cancel) => TextAsync(() =>
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_server, path)) { Content = new ByteArrayContent(pkcs10) };
        request.Headers.Add("k3s-Node-Name", claim.Name);
        request.Headers.Add("k3s-Node-Password", claim.Password);
        request.Headers.Add("k3s-Node-IP", string.Join(',', claim.Addresses));
        return request;
    }, cancel);

    public void Dispose()
    {
        _http.Dispose();
        _known?.Dispose();
    }

    /// <summary>A kubelet must not be newer than its API server (Kubernetes' version skew policy).</summary>
    /// <param name="own">This machine's version, as v1.36.2.</param>
    /// <exception cref="JoinException">The server is older.</exception>
    public async Task CheckVersionAsync(string own, CancellationToken cancel)
    {
        using var answer = await SendAuthorizedAsync(() => new HttpRequestMessage(HttpMethod.Get, new Uri(_server, "/version")), cancel);
        // K3s tells it only to those who have a certificate.
        if (answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden) return;
        var text = await answer.Content.ReadAsStringAsync(cancel);
        var theirs = (string?)(answer.IsSuccessStatusCode ? JsonNode.Parse(text)?["gitVersion"] : null) ?? throw new JoinException($"{_server}/version answered {(int)answer.StatusCode}: {MessageOf(text)}.");
        if (Minor(theirs) < Minor(own)) throw new JoinException($"{_server} runs {theirs}, which is older than this machine's {own}. Upgrade the server first, then its agents.");
    }

    // v1.36.2+k3s1: 36.
    private static int Minor(string version) => version.Split('.') is [_, var minor, ..] && int.TryParse(minor, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private async Task<HttpResponseMessage> SendAuthorizedAsync(Func<HttpRequestMessage> make, CancellationToken cancel)
    {
        if (_known is { } known)
        {
            using var again = make();
            var answer = await SendAsync(known, again, _server, () => _distrust, cancel);
            if (answer.StatusCode != HttpStatusCode.Unauthorized) return answer;
            // Somebody deleted the Node, or the cluster is another one: the token decides.
            answer.Dispose();
            known.Dispose();
            _known = null;
        }
        using var request = make();
        request.Headers.Authorization = _token.IsBootstrap
            ? new AuthenticationHeaderValue("Bearer", $"{_token.BootstrapId}.{_token.BootstrapSecret}")
            : new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"node:{_token.Password}")));
        return await SendAsync(_http, request, _server, () => _distrust, cancel);
    }

    private async Task<string> TextAsync(Func<HttpRequestMessage> make, CancellationToken cancel)
    {
        using var answer = await SendAuthorizedAsync(make, cancel);
        var text = await answer.Content.ReadAsStringAsync(cancel);
        if (answer.IsSuccessStatusCode) return text;
        var message = MessageOf(text);
        throw answer.StatusCode switch
        {
            HttpStatusCode.Unauthorized => new JoinException(_token.IsBootstrap
                ? $"{_server} does not accept the token {_token.BootstrapId}.…: it has expired or was deleted. Make another: k3s token create (on the server)."
                : $"{_server} does not accept the token. Take it from server/node-token (or agent-token) on the server."),
            HttpStatusCode.Forbidden => new JoinException($"{_server} refuses: {message}."),
            HttpStatusCode.ServiceUnavailable => new JoinException($"{_server} is starting ({message})."),
            _ => new JoinException(string.Create(CultureInfo.InvariantCulture, $"{answer.RequestMessage?.RequestUri} answered {(int)answer.StatusCode}: {message}.")),
        };
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, HttpRequestMessage request, Uri server, Func<string?> distrust, CancellationToken cancel)
    {
        try
        {
            return await http.SendAsync(request, cancel);
        }
        catch (HttpRequestException failed) when (failed.InnerException is AuthenticationException && distrust() is { } why)
        {
            throw new JoinException($"{server}: {why}", failed);
        }
        catch (HttpRequestException failed)
        {
            throw new JoinException($"{server} is not reached: {Cause(failed, server)}", failed) { IsUnreached = true };
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new JoinException(Silent(server)) { IsUnreached = true };
        }
    }

    private static string Silent(Uri server) =>
        $"{server} does not answer. Is the machine on, and does its firewall let TCP {server.Port.ToString(CultureInfo.InvariantCulture)} through (ufw allow {server.Port.ToString(CultureInfo.InvariantCulture)}/tcp)?";

    private static string Cause(HttpRequestException failed, Uri server) => failed.InnerException switch
    {
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => $"nothing listens on port {server.Port.ToString(CultureInfo.InvariantCulture)} there. Start the server (systemctl start k3s), or correct --server.",
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData } => $"the name {server.Host} is not known here. Use an address, or add it to /etc/hosts.",
        SocketException { SocketErrorCode: SocketError.HostUnreachable or SocketError.NetworkUnreachable } => "no route to it. Check cable, Wi-Fi and addresses.",
        SocketException { SocketErrorCode: SocketError.TimedOut } => $"no answer. Does its firewall let TCP {server.Port.ToString(CultureInfo.InvariantCulture)} through?",
        AuthenticationException => "what listens there does not speak TLS. Check the port in --server.",
        { } other => other.Message,
        null => failed.Message,
    };

    private static string MessageOf(string body)
    {
        try
        {
            return JsonNode.Parse(body)?["message"]?.GetValue<string>() ?? body.Trim();
        }
        catch (JsonException)
        {
            return body.Trim();
        }
    }

    // Null: trusted.
    private string? Distrust(X509Certificate2? certificate, SslPolicyErrors errors, X509Certificate2Collection authorities)
    {
        if (certificate is null) return "the server shows no certificate.";
        var now = _time.GetUtcNow();
        if (now < certificate.NotBefore || now > certificate.NotAfter)
            return string.Create(CultureInfo.InvariantCulture, $"its certificate is valid from {certificate.NotBefore.ToUniversalTime():u} to {certificate.NotAfter.ToUniversalTime():u}, but this machine's clock says {now:u}. Set the clock: timedatectl set-ntp true.");
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.ExtraStore.AddRange(authorities);
        if (!chain.Build(certificate)) return $"its certificate is not signed by the CA that it names itself ({string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation.Trim()))}). Does a proxy stand between?";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return $"its certificate is not made for the name {_server.Host}. Use one of its names, or add --tls-san {_server.Host} on the server.";
        return null;
    }

    private static HttpClient Client(Func<X509Certificate2?, SslPolicyErrors, string?> distrust, X509Certificate2? own = null) => new(new SocketsHttpHandler
    {
        SslOptions =
        {
            RemoteCertificateValidationCallback = (_, certificate, _, errors) => distrust(certificate as X509Certificate2, errors) is null,
            LocalCertificateSelectionCallback = own is null ? null : (_, _, _, _, _) => own,
        },
        UseProxy = false,
        AllowAutoRedirect = false,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10),
    })
    { Timeout = Patience };
}

/// <summary>Who a joining machine says it is.</summary>
public sealed record NodeClaim(string Name, string Password, IReadOnlyList<IPAddress> Addresses);
