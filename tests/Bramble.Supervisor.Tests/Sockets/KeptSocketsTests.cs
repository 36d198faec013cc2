using System.Net;
using System.Net.Sockets;
using System.Text;
using Bramble.Supervisor.Runtime;
using Bramble.Supervisor.Sockets;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Supervisor.Tests.Sockets;

/// <summary>Sockets that outlive a process: by a holder of our own, and by systemd's store as far as its protocol can be seen without it.</summary>
public sealed class KeptSocketsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bramble-sockets-").FullName;

    private string Holder => Path.Combine(_folder, "socket-holder");

    public void Dispose()
    {
        foreach (var pid in Holders()) DetachedProcess.End(pid);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_listening_socket_is_where_it_was_for_the_next_process()
    {
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen(16);
        using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        udp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var (address, udpAddress) = ((IPEndPoint)listening.LocalEndPoint!, (IPEndPoint)udp.LocalEndPoint!);
        using (var first = Open())
        {
            Assert.Null(first.Take("web"));
            first.Keep("web", listening);
            first.Keep("names", udp);
        }
        listening.Dispose();
        udp.Dispose();
        Assert.Single(Holders());
        // Nobody accepts: a client's connection waits in the kernel's queue.
        using var client = new TcpClient();
        await client.ConnectAsync(address);
        await client.GetStream().WriteAsync("hello"u8.ToArray());
        using var sender = new UdpClient();
        await sender.SendAsync("question"u8.ToArray(), udpAddress);

        using var second = Open();
        using var taken = second.Take("web");
        using var takenUdp = second.Take("names");
        Assert.NotNull(taken);
        Assert.NotNull(takenUdp);
        using var accepted = await taken.AcceptAsync();
        var buffer = new byte[64];
        Assert.Equal("hello", Encoding.ASCII.GetString(buffer, 0, await accepted.ReceiveAsync(buffer)));
        Assert.Equal("question", Encoding.ASCII.GetString(buffer, 0, await takenUdp.ReceiveAsync(buffer)));
    }

    [Fact]
    public async Task A_part_that_ends_while_it_waits_for_datagrams_leaves_the_socket_receiving()
    {
        using var kept = Open();
        var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        udp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var address = (IPEndPoint)udp.LocalEndPoint!;
        kept.Keep("names", udp);
        using var sender = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var buffer = new byte[64];
        for (var round = 0; round < 3; round++)
        {
            using var stop = new CancellationTokenSource();
            var from = new SocketAddress(AddressFamily.InterNetwork);
            var receiving = udp.ReceiveFromAsync(buffer, SocketFlags.None, from, stop.Token).AsTask();
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving);
            udp.Dispose();
            udp = kept.Take("names")!;
            // As it came: its last owner received asynchronously, and .NET refuses calls that block unless told.
            udp.Blocking = false;
            await sender.SendAsync("question"u8.ToArray(), address);
            var length = await udp.ReceiveFromAsync(buffer, SocketFlags.None, from, CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(5));
            Assert.Equal("question", Encoding.ASCII.GetString(buffer, 0, length));
            udp.SendTo("answer"u8, SocketFlags.None, from);
            Assert.Equal("answer", Encoding.ASCII.GetString((await sender.ReceiveAsync().WaitAsync(TimeSpan.FromSeconds(5))).Buffer));
        }
        udp.Dispose();
    }

    [Fact]
    public async Task A_part_that_ends_while_it_accepts_leaves_the_socket_listening()
    {
        using var kept = Open();
        var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen(16);
        var address = (IPEndPoint)listening.LocalEndPoint!;
        kept.Keep("web", listening);
        for (var round = 0; round < 3; round++)
        {
            var accepting = listening.AcceptAsync();
            listening.Dispose();
            await Assert.ThrowsAnyAsync<SocketException>(() => accepting);
            using var client = new TcpClient();
            await client.ConnectAsync(address);
            listening = kept.Take("web")!;
            using var accepted = await listening.AcceptAsync();
        }
        listening.Dispose();
    }

    [Fact]
    public async Task What_nobody_takes_is_given_up_after_a_minute()
    {
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen(16);
        var address = (IPEndPoint)listening.LocalEndPoint!;
        using (var first = Open()) first.Keep("web", listening);
        listening.Dispose();
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        using (var second = KeptSockets.Open(Holder, _ => null, time, NullLogger.Instance))
        {
            time.Advance(TimeSpan.FromSeconds(61));
            time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Empty(Holders());
        using var client = new TcpClient();
        await Assert.ThrowsAsync<SocketException>(() => client.ConnectAsync(address));
    }

    public static TheoryData<string, string?, string?, string?, string> Started => new()
    {
        { "two of ours", "7", "2", "web:names", "web=3,names=4" },
        { "another process' variables", "8", "2", "web:names", "" },
        { "no names", "7", "1", null, "unknown=3" },
        { "nothing", null, null, null, "" },
    };

    [Theory]
    [MemberData(nameof(Started))]
    public void The_store_gives_back_by_name(string name, string? pid, string? count, string? names, string expected)
    {
        Assert.NotEmpty(name);
        var variables = new Dictionary<string, string?> { ["LISTEN_PID"] = pid, ["LISTEN_FDS"] = count, ["LISTEN_FDNAMES"] = names };
        Assert.Equal(expected, string.Join(',', DescriptorStore.Passed(variables.GetValueOrDefault, 7).Select(p => $"{p.Name}={p.Descriptor}")));
    }

    [Fact]
    public void The_store_gets_name_and_descriptor()
    {
        var path = Path.Combine(_folder, "notify");
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        systemd.Bind(new UnixDomainSocketEndPoint(path));
        using var kept = KeptSockets.Open(Holder, name => name == "NOTIFY_SOCKET" ? path : null, TimeProvider.System, NullLogger.Instance);
        using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        kept.Keep("names", udp);
        var buffer = new byte[256];
        Assert.Equal("FDSTORE=1\nFDNAME=names", Encoding.ASCII.GetString(buffer, 0, systemd.Receive(buffer)));
        Assert.Throws<ArgumentException>(() => kept.Keep("a:b", udp));
    }

    private KeptSockets Open() => KeptSockets.Open(Holder, _ => null, TimeProvider.System, NullLogger.Instance);

    private List<int> Holders() =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _))
            .Where(pid => File.Exists($"/proc/{pid}/cmdline") && File.ReadAllText($"/proc/{pid}/cmdline").StartsWith(Holder, StringComparison.Ordinal)).Select(pid => int.Parse(pid!)),
    ];
}
