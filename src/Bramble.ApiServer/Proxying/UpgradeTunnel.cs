using System.Net.Security;
using Bramble.Api.Errors;
using Bramble.Client.Streaming;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.ApiServer.Proxying;

/// <summary>Passes an upgrade (WebSocket, SPDY/3.1) on to another server: after the handshake only bytes are carried, whatever they mean.</summary>
internal static class UpgradeTunnel
{
    private const int ErrorBytesMax = 64 * 1024;

    private static readonly HashSet<string> NotPassedOn = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Authorization", "Content-Length", "Transfer-Encoding", "Accept-Encoding", "Cookie",
    };

    public static bool IsUpgrade(HttpContext http) => http.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true };

    /// <param name="tls">Null: without TLS.</param>
    /// <param name="dial">How the connection is made; null: directly.</param>
    /// <param name="added">Headers that this server adds.</param>
    /// <exception cref="StatusException">400: no upgrade was asked for. 500: the server cannot be reached or refused.</exception>
    public static async Task RunAsync(
        HttpContext http,
        string host,
        int port,
        string pathAndQuery,
        SslClientAuthenticationOptions? tls,
        Func<string, int, CancellationToken, ValueTask<Stream>>? dial,
        IReadOnlyList<KeyValuePair<string, string>> added,
        CancellationToken cancel)
    {
        if (http.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true } upgrade)
            throw StatusErrors.BadRequest("Upgrade request required");
        UpgradedConnection connection;
        try
        {
            connection = await UpgradedConnection.ConnectAsync(host, port, tls, dial, cancel);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or System.Security.Authentication.AuthenticationException)
        {
            throw StatusErrors.Internal($"error dialing backend: dial tcp {Kubelets.UrlHost(host)}:{port}: {e.Message}");
        }
        await using var _ = connection;
        var headers = new List<KeyValuePair<string, string>> { new("Host", $"{Kubelets.UrlHost(host)}:{port}") };
        foreach (var header in http.Request.Headers)
            if (!NotPassedOn.Contains(header.Key) && !header.Key.StartsWith("Impersonate-", StringComparison.OrdinalIgnoreCase) && !header.Key.StartsWith("X-Remote-", StringComparison.OrdinalIgnoreCase))
                foreach (var value in header.Value) headers.Add(new(header.Key, WithoutToken(header.Key, value ?? "")));
        headers.AddRange(added);
        if (!HttpMethods.IsGet(http.Request.Method)) headers.Add(new("Content-Length", "0"));
        var answer = await connection.RequestAsync(http.Request.Method, pathAndQuery, headers, cancel);
        if (!answer.IsSwitched)
        {
            await CopyRefusalAsync(http, connection, answer, cancel);
            return;
        }
        foreach (var (name, value) in answer.Headers)
            if (!name.Equals("Connection", StringComparison.OrdinalIgnoreCase) && !name.Equals("Date", StringComparison.OrdinalIgnoreCase)) http.Response.Headers.Append(name, value);
        await using var stream = await upgrade.UpgradeAsync();
        await ByteTunnel.RunAsync(
            stream.ReadAsync,
            async (bytes, c) =>
            {
                await stream.WriteAsync(bytes, c);
                await stream.FlushAsync(c);
            },
            connection.ReadAsync, connection.WriteAsync, cancel);
    }

    /// <summary>A browser's WebSocket carries its token as a protocol; it is not the other server's business.</summary>
    private static string WithoutToken(string name, string value) => !name.Equals("Sec-WebSocket-Protocol", StringComparison.OrdinalIgnoreCase)
        ? value
        : string.Join(", ", value.Split(',', StringSplitOptions.TrimEntries).Where(p => !p.StartsWith("base64url.bearer.authorization.k8s.io.", StringComparison.Ordinal)));

    private static async Task CopyRefusalAsync(HttpContext http, UpgradedConnection connection, UpgradeAnswer answer, CancellationToken cancel)
    {
        http.Response.StatusCode = answer.StatusCode;
        if (answer.Header("Content-Type") is { Length: > 0 } type) http.Response.ContentType = type;
        var left = int.TryParse(answer.Header("Content-Length"), out var length) ? Math.Min(length, ErrorBytesMax) : 0;
        var buffer = new byte[4096];
        while (left > 0 && await connection.ReadAsync(buffer.AsMemory(0, Math.Min(left, buffer.Length)), cancel) is > 0 and var count)
        {
            await http.Response.Body.WriteAsync(buffer.AsMemory(0, count), cancel);
            left -= count;
        }
    }
}
