using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;

namespace Bramble.Kubectl.Connection;

/// <summary>HTTP to the API server as kubectl speaks it. A Status that is a failure is thrown as <see cref="StatusException"/>.</summary>
internal sealed class ApiConnection : IDisposable
{
    private readonly KubeConfig _config;
    private readonly HttpClient _http;
    private readonly Arguments _arguments;
    private readonly TextWriter _error;

    public ApiConnection(KubeConfig config, Arguments arguments, TextWriter error)
    {
        _config = config;
        _arguments = arguments;
        _error = error;
        var ssl = new SslClientAuthenticationOptions();
        if (config.ClientCertificate is { } certificate) ssl.ClientCertificates = [certificate];
        if (config.TrustsAnyServer) ssl.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        else if (config.Authorities is { } authorities) ssl.CertificateChainPolicy = Policy(authorities);
        if (arguments.Find("tls-server-name") is { } name) ssl.TargetHost = name;
        _http = new HttpClient(new SocketsHttpHandler { SslOptions = ssl, ConnectTimeout = TimeSpan.FromSeconds(10), AutomaticDecompression = DecompressionMethods.GZip })
        {
            BaseAddress = config.Server,
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
    }

    public Uri Server => _config.Server;

    public async Task<JsonObject> GetAsync(string path, CancellationToken cancel, string accept = "application/json") => await SendAsync(HttpMethod.Get, path, null, "", cancel, accept);

    public async Task<JsonObject> SendAsync(HttpMethod method, string path, JsonNode? body, string contentType, CancellationToken cancel, string accept = "application/json")
    {
        using var answer = await OpenAsync(method, path, body is null ? (ReadOnlyMemory<byte>?)null : TreeText.Write(body), contentType, accept, HttpCompletionOption.ResponseContentRead, cancel);
        return JsonNode.Parse(await answer.Content.ReadAsByteArrayAsync(cancel)) as JsonObject ?? [];
    }

    /// <summary>An answer whose body is still to be read: logs, watches.</summary>
    public async Task<HttpResponseMessage> OpenAsync(
        HttpMethod method, string path, ReadOnlyMemory<byte>? body, string contentType, string accept, HttpCompletionOption completion, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, new Uri(_config.Server, path.TrimStart('/')));
        foreach (var (header, value) in Headers()) request.Headers.TryAddWithoutValidation(header, value);
        request.Headers.TryAddWithoutValidation("Accept", accept);
        if (body is { } bytes)
        {
            request.Content = new ReadOnlyMemoryContent(bytes);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(request, completion, cancel);
        }
        catch (HttpRequestException failed)
        {
            throw Unreachable(failed);
        }
        if (answer.Headers.TryGetValues("Warning", out var warnings))
            foreach (var warning in warnings) await _error.WriteLineAsync($"Warning: {WarningText(warning)}");
        if (answer.IsSuccessStatusCode) return answer;
        using (answer) throw await RefusalAsync(answer, cancel);
    }

    public async Task<ClientWebSocket> OpenWebSocketAsync(string path, CancellationToken cancel)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("v5.channel.k8s.io");
        foreach (var (header, value) in Headers()) socket.Options.SetRequestHeader(header, value);
        if (_config.ClientCertificate is { } certificate) socket.Options.ClientCertificates.Add(certificate);
        socket.Options.RemoteCertificateValidationCallback = (_, server, _, _) => _config.TrustsAnyServer || IsTrusted(server);
        socket.Options.CollectHttpResponseDetails = true;
        var uri = new UriBuilder(new Uri(_config.Server, path.TrimStart('/'))) { Scheme = _config.Server.Scheme == "https" ? "wss" : "ws" }.Uri;
        try
        {
            await socket.ConnectAsync(uri, cancel);
            return socket;
        }
        catch (WebSocketException failed)
        {
            var code = (int)socket.HttpStatusCode;
            socket.Dispose();
            // The upgrade's answer has no body here; an ordinary request tells what is wrong.
            if (code >= 400) (await OpenAsync(HttpMethod.Get, path, null, "", "application/json", HttpCompletionOption.ResponseContentRead, cancel)).Dispose();
            throw new CommandFailure($"error: unable to upgrade connection: {failed.Message}");
        }
    }

    public void Dispose() => _http.Dispose();

    private IEnumerable<(string Header, string Value)> Headers()
    {
        if (_config.Token is { } token) yield return ("Authorization", $"Bearer {token}");
        else if (_config.Basic is { } basic) yield return ("Authorization", $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{basic.User}:{basic.Password}"))}");
        if (_arguments.Find("as") is { } user) yield return ("Impersonate-User", user);
        foreach (var group in _arguments.All("as-group")) yield return ("Impersonate-Group", group);
        yield return ("User-Agent", "kubectl/v1.36.2 (linux) bramble");
    }

    private bool IsTrusted(X509Certificate? server)
    {
        if (server is null || _config.Authorities is not { } authorities) return false;
        using var chain = new X509Chain { ChainPolicy = Policy(authorities) };
        using var certificate = new X509Certificate2(server);
        return chain.Build(certificate) && certificate.MatchesHostname(_config.Server.Host);
    }

    private static X509ChainPolicy Policy(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    private CommandFailure Unreachable(HttpRequestException failed)
    {
        var host = $"{_config.Server.Host}:{_config.Server.Port}";
        if (failed.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            return new CommandFailure($"The connection to the server {host} was refused - did you specify the right host or port?");
        return new CommandFailure($"Unable to connect to the server: {(failed.InnerException ?? failed).Message}");
    }

    private static async Task<StatusException> RefusalAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        var bytes = await answer.Content.ReadAsByteArrayAsync(cancel);
        try
        {
            if (JsonNode.Parse(bytes) is JsonObject tree && (string?)tree["kind"] == "Status")
            {
                var details = tree["details"];
                var causes = (details?["causes"] as JsonArray)?.Select(c => new StatusCause((string?)c?["reason"] ?? "", (string?)c?["message"] ?? "", (string?)c?["field"])).ToList();
                return new StatusException(new Status(
                    (int?)tree["code"] ?? (int)answer.StatusCode,
                    (string?)tree["reason"] ?? "",
                    (string?)tree["message"] ?? "",
                    new StatusDetails((string?)details?["name"], (string?)details?["group"], (string?)details?["kind"], causes)));
            }
        }
        catch (JsonException)
        {
            // Not a Status: what a proxy or another server says is shown as it is, below.
        }
        return new StatusException(new Status((int)answer.StatusCode, answer.StatusCode.ToString(), Encoding.UTF8.GetString(bytes).Trim()));
    }

    private static string WarningText(string header)
    {
        var first = header.IndexOf('"');
        var last = header.LastIndexOf('"');
        return first >= 0 && last > first ? header[(first + 1)..last].Replace("\\\"", "\"", StringComparison.Ordinal) : header;
    }
}
