using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.Kubelet.Server;

/// <summary>The server's handshake of a WebSocket (RFC 6455, 4.2.2) whose protocol's name has a slash in it, as Kubernetes' tunnels do: the framework holds
/// that against the RFC's grammar of tokens and refuses.</summary>
internal static class TunnelSocket
{
    /// <summary>RFC 6455, 1.3: what every server adds to a client's key.</summary>
    private const string AcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// <param name="protocol">One that the client has offered.</param>
    public static async Task<WebSocket> AcceptAsync(HttpContext http, string protocol)
    {
        var headers = http.Response.Headers;
        headers.Upgrade = "websocket";
        headers.SecWebSocketAccept = AcceptKey(http.Request.Headers.SecWebSocketKey.ToString());
        headers.SecWebSocketProtocol = protocol;
        var stream = await http.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        return WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.FromSeconds(30) });
    }

    [SuppressMessage("Security", "CA5350", Justification = "RFC 6455 says SHA-1; it proves that this is a WebSocket server, nothing more")]
    internal static string AcceptKey(string key) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + AcceptSuffix)));
}
