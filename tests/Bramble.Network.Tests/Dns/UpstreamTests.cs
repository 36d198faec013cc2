using System.Net;
using System.Net.Sockets;
using Bramble.Network.Dns;
using Bramble.Network.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Network.Tests.Dns;

public sealed class UpstreamTests
{
    [Theory]
    [InlineData("nameserver 192.0.2.1\nsearch lan\nnameserver\t192.0.2.2  \n", "192.0.2.1:53 192.0.2.2:53")]
    [InlineData("# nameserver 192.0.2.1\nnameserver 10.43.0.10\nnameserver fd00::1\n", "[fd00::1]:53")]
    [InlineData("", "")]
    public void A_resolv_conf_names(string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', Upstream.Parse(text, [IPAddress.Parse("10.43.0.10")])));

    [Fact]
    public void A_changed_file_is_noticed_when_somebody_asks()
    {
        var file = Path.GetTempFileName();
        var time = new FakeTimeProvider();
        File.WriteAllText(file, "");
        var upstream = new Upstream(file, [], time, NullLogger.Instance);
        Assert.Empty(upstream.Servers(CancellationToken.None));
        File.WriteAllText(file, "nameserver 127.0.0.99\n");
        File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddSeconds(5));
        Assert.Empty(upstream.Servers(CancellationToken.None));
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.Single(upstream.Servers(CancellationToken.None));
        File.Delete(file);
    }

    [Fact]
    public async Task A_server_that_sends_our_questions_back_is_left_out()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        using var resolver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        resolver.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.98"), 53));
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "nameserver 127.0.0.98\n");
        using var stop = new CancellationTokenSource();
        var upstream = new Upstream(file, [], TimeProvider.System, NullLogger.Instance);
        Assert.Single(upstream.Servers(stop.Token));
        var question = new byte[512];
        var length = await resolver.ReceiveAsync(question).WaitAsync(TimeSpan.FromSeconds(5));
        var name = new char[DnsQuery.NameCharsMax];
        Assert.Equal(DnsParse.Ok, DnsQuery.Read(question.AsSpan(0, length), name, out var query));
        var asked = query.Name.ToString();
        upstream.NoteProbe("somebody." + Upstream.ProbeZone);
        Assert.Single(upstream.Servers(stop.Token));
        upstream.NoteProbe(asked);
        Assert.Empty(upstream.Servers(stop.Token));
        await stop.CancelAsync();
        File.Delete(file);
    }

    [Fact]
    public void Questions_that_may_have_another_answer_have_another_key()
    {
        var keys = new[] { DnsClient.Query("example.org", DnsType.A), DnsClient.Query("example.org", DnsType.Aaaa), DnsClient.Query("example.org", DnsType.A, 1232), DnsClient.Query("example.org", DnsType.A, 4096), Dnssec(), OneLabel() }
            .Select(request =>
            {
                DnsQuery.Read(request, new char[DnsQuery.NameCharsMax], out var query);
                return AnswerCache.KeyOf(query, request);
            }).ToList();
        Assert.Equal(keys, keys.Distinct());

        static byte[] Dnssec()
        {
            var request = DnsClient.Query("example.org", DnsType.A, 4096);
            request[^4] = 0x80;
            return request;
        }
        // The label "example.org", which is not the name of two.
        static byte[] OneLabel()
        {
            var request = DnsClient.Query("example.org", DnsType.A);
            request[DnsQuery.HeaderBytes] = 11;
            request[DnsQuery.HeaderBytes + 8] = (byte)'.';
            return request;
        }
    }

    [Fact]
    public void A_kept_answer_grows_old_and_serves_once_more_when_nobody_answers()
    {
        var time = new FakeTimeProvider();
        var cache = new AnswerCache(time);
        var request = DnsClient.Query("example.org", DnsType.A);
        DnsQuery.Read(request, new char[DnsQuery.NameCharsMax], out var query);
        var answer = new byte[512];
        var writer = new DnsWriter(answer, request, query.QuestionEnd, false, 512);
        writer.Address([203, 0, 113, 5], 300);
        cache.Add("k", answer[..writer.Finish(DnsCode.NoError, false)]);
        time.Advance(TimeSpan.FromSeconds(29));
        // Who writes the name with capitals gets them back: it is how resolvers tell a forged answer (0x20).
        var capitals = DnsClient.Query("eXample.ORG", DnsType.A);
        capitals[0] = 0x77;
        var copy = cache.Find("k", capitals, evenStale: false);
        Assert.Equal(capitals[..2], copy![..2]);
        Assert.Equal(capitals[DnsQuery.HeaderBytes..], copy[DnsQuery.HeaderBytes..query.QuestionEnd]);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(cache.Find("k", request, evenStale: false));
        Assert.Equal("NoError A 203.0.113.5", DnsClient.Show(cache.Find("k", request, evenStale: true)));
        time.Advance(TimeSpan.FromHours(2));
        Assert.Null(cache.Find("k", request, evenStale: true));
    }
}
