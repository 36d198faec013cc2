using System.Net;
using System.Net.Sockets;
using Bramble.Network.Dns;
using Bramble.Network.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Network.Tests.Dns;

public sealed class DnsServerTests
{
    [Fact]
    public async Task A_question_that_comes_before_the_names_is_answered_when_they_are_there()
    {
        var cancel = TestContext.Current.CancellationToken;
        var known = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var names = new NameTable();
        var upstream = new Upstream("/nonexistent", [], TimeProvider.System, NullLogger.Instance);
        using var server = new DnsServer(new IPEndPoint(IPAddress.Loopback, 0), new ClusterAnswers(names, "cluster.local", []) { Known = known.Task }, upstream, new NoKeptSockets(), TimeProvider.System, NullLogger.Instance);
        server.Open();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var running = server.RunAsync(stop.Token);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await client.ConnectAsync(server.Address, cancel);
        using var connection = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await connection.ConnectAsync(server.Address, cancel);
        var question = DnsClient.Query("web.default.svc.cluster.local", DnsType.A);
        await connection.SendAsync((byte[])[0, (byte)question.Length, .. question], cancel);
        await client.SendAsync(question, cancel);
        // An answer to a later one shows that the first was read.
        Name("ns.cluster.local", "10.43.0.10");
        await client.SendAsync(DnsClient.Query("ns.cluster.local", DnsType.A), cancel);
        Assert.Equal("NoError A 10.43.0.10", await Received());
        Name("web.default.svc.cluster.local", "10.43.0.7");
        known.SetResult();
        Assert.Equal("NoError A 10.43.0.7", await Received());
        var framed = new byte[512];
        Assert.Equal("NoError A 10.43.0.7", DnsClient.Show(framed.AsSpan(2, await connection.ReceiveAsync(framed, cancel) - 2)));
        await stop.CancelAsync();
        await running;

        void Name(string name, string address) => names.Set(name, new Dictionary<string, NameRecords> { [name] = NameRecords.OfAddresses([IPAddress.Parse(address)]) });

        async Task<string> Received()
        {
            var buffer = new byte[512];
            return DnsClient.Show(buffer.AsSpan(0, await client.ReceiveAsync(buffer, cancel)));
        }
    }
}
