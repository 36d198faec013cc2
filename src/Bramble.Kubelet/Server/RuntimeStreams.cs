using System.Net;
using Bramble.Client.Streaming;

namespace Bramble.Kubelet.Server;

/// <summary>Connections to the runtime's streaming server, whose URL an Exec, Attach or PortForward call gave.</summary>
internal static class RuntimeStreams
{
    /// <summary>Connects and asks for SPDY/3.1.</summary>
    /// <param name="protocols">Versions of the stream protocol that the client offers, best first.</param>
    /// <exception cref="RuntimeStreamException">The runtime refused.</exception>
    public static async Task<(UpgradedConnection Connection, string Protocol)> OpenAsync(string url, IReadOnlyList<string> protocols, CancellationToken cancel)
    {
        var uri = new Uri(url);
        var connection = await UpgradedConnection.ConnectAsync(uri.DnsSafeHost, uri.Port, null, null, cancel);
        try
        {
            var headers = new List<KeyValuePair<string, string>>
            {
                new("Host", uri.Authority), new("Connection", "Upgrade"), new("Upgrade", "SPDY/3.1"), new("Content-Length", "0"),
            };
            headers.AddRange(protocols.Select(p => new KeyValuePair<string, string>("X-Stream-Protocol-Version", p)));
            var answer = await connection.RequestAsync("POST", uri.PathAndQuery, headers, cancel);
            if (answer.IsSwitched) return (connection, answer.Header("X-Stream-Protocol-Version"));
            throw new RuntimeStreamException((HttpStatusCode)answer.StatusCode, $"the container runtime refused the stream: {answer.StatusCode} {answer.Reason}");
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}

/// <summary>The runtime's streaming server did not take the stream.</summary>
internal sealed class RuntimeStreamException(HttpStatusCode code, string message) : Exception(message)
{
    public HttpStatusCode Code { get; } = code;
}
