using System.Net;
using System.Net.Sockets;
using System.Text;
using Bramble.ApiServer.Aggregation;

namespace Bramble.ApiServer.Tests.Aggregation;

public sealed class SeparateLinesTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(1500)] // a head far larger than a client's first buffer
    public async Task Each_value_of_a_header_leaves_as_a_line_of_its_own(int groups)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var heard = HearAsync(listener);
        using var client = new HttpClient(new SocketsHttpHandler { PlaintextStreamFilter = (context, _) => ValueTask.FromResult(SeparateLines.Wrap(context.PlaintextStream)) });
        using var message = new HttpRequestMessage(HttpMethod.Post, $"http://{listener.LocalEndpoint}/x") { Content = new StringContent("body") };
        SeparateLines.Add(message, Enumerable.Range(0, groups).Select(i => KeyValuePair.Create("X-Remote-Group", $"system:group-{i}")));
        using var answer = await client.SendAsync(message, TestContext.Current.CancellationToken);

        var lines = (await heard).Split("\r\n");
        Assert.Equal(Enumerable.Range(0, groups).Select(i => $"X-Remote-Group: system:group-{i}"), lines.Where(line => line.StartsWith("X-Remote", StringComparison.Ordinal)));
        Assert.Contains("Content-Length: 4", lines);
    }

    /// <summary>The head of one request, which gets an empty answer.</summary>
    private static async Task<string> HearAsync(TcpListener listener)
    {
        using var connection = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        var stream = connection.GetStream();
        var head = new StringBuilder();
        var buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\nbody", StringComparison.Ordinal))
            head.Append(Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer, TestContext.Current.CancellationToken)));
        await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        return head.ToString();
    }
}
