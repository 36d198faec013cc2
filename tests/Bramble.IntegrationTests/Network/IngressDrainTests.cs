using System.Net;
using System.Net.WebSockets;
using System.Text;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>A clean stop of the server under open requests: those that end within ten seconds are whole, nobody else waits for them.</summary>
public sealed class IngressDrainTests(IngressDesk desk, ITestOutputHelper output)
{
    private const string Server = "http://10.201.0.130";

    [Fact]
    public async Task A_download_ends_while_the_server_restarts_and_new_requests_are_answered()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-drain");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "drain.example"), "apply", "-f", "-");
        await IngressDesk.Becomes("drain.example", $"{Server}/", text => text.Contains("host: drain.example"));
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var download = await Get(http, "/stream");
        var body = await download.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        Assert.Equal("first ", await Read(body));
        using var load = new Load($"{Server}/", "drain.example", perSecond: 50, keepsConnections: false);

        var stops = await Stops();
        var stopping = desk.Cluster.StopServer("TERM");
        await Eventually.Becomes(Stops, seen => seen != stops, "the server stops");
        // Served by the server that stops: the download alone keeps it.
        for (var i = 0; i < 5; i++)
        {
            using var other = await Get(http, "/");
            Assert.Equal(HttpStatusCode.OK, other.StatusCode);
            Assert.False(stopping.IsCompleted);
        }
        desk.Backend.Continue.Release();
        Assert.Equal("second", await Read(body));
        Assert.Equal("", await Read(body));
        await stopping;
        await desk.Cluster.StartServer("--token", "token-of-the-ingress");
        await IngressDesk.Becomes("drain.example", $"{Server}/", text => text.Contains("host: drain.example"));
        var (sent, failures) = await load.Stop();
        Assert.True(sent > 20, $"only {sent} requests were sent");
        Assert.Empty(failures);
    }

    [Fact]
    public async Task What_does_not_end_is_cut_and_the_server_stops()
    {
        await desk.Get();
        var ns = await desk.NewNamespace("ing-cut");
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, "cut.example"), "apply", "-f", "-");
        await IngressDesk.Becomes("cut.example", $"{Server}/", text => text.Contains("host: cut.example"));
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Host", "cut.example");
        await socket.ConnectAsync(new Uri("ws://10.201.0.130/ws"), TestContext.Current.CancellationToken);
        using var load = new Load($"{Server}/", "cut.example", perSecond: 50, keepsConnections: false);
        await desk.Cluster.StopServer("TERM").WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<WebSocketException>(async () => await socket.ReceiveAsync(new byte[100], TestContext.Current.CancellationToken));
        await desk.Cluster.StartServer("--token", "token-of-the-ingress");
        await IngressDesk.Becomes("cut.example", $"{Server}/", text => text.Contains("host: cut.example"));
        var (_, failures) = await load.Stop();
        output.WriteLine($"Beside a WebSocket that never ends the slowest new request took {load.Slowest.TotalSeconds:F1} s over the restart.");
        Assert.Empty(failures);
    }

    private async Task<string> Stops() => (await desk.Cluster.Host.Shell("grep -c 'Stopping; pods go on' /run/k3s.log")).Output;

    private static Task<HttpResponseMessage> Get(HttpClient http, string path) =>
        http.SendAsync(new HttpRequestMessage(HttpMethod.Get, Server + path) { Headers = { Host = "drain.example" } }, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);

    private static async Task<string> Read(Stream body)
    {
        var buffer = new byte[100];
        return Encoding.UTF8.GetString(buffer, 0, await body.ReadAsync(buffer, TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
    }
}
